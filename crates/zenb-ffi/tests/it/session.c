/* Opens a session, is refused a start without a screen, and stops. */
#include <stdio.h>
#include <string.h>

#include "zenb.h"

static int said(char *text, const char *wanted) {
    int found = text != NULL && strstr(text, wanted) != NULL;
    printf("%s\n", text == NULL ? "(nothing)" : text);
    zenb_free(text);
    return found;
}

int main(void) {
    const char *opening =
        "{\"protocol\":{\"kind\":{\"paced\":{\"pace\":{\"milli_breaths\":6000,\"inhale_permille\":400}}},"
        "\"minutes\":5},\"inhibitions\":{\"loaded\":{\"seen_wall_ms\":0,\"contexts\":{}}},"
        "\"breathed_today_ms\":0,\"wall_ms\":1795000000000,\"seed\":7}";
    zenb_session *session = zenb_open(opening);
    int ok = session != NULL;
    ok = ok && said(zenb_step(session, "{\"input\":\"start\",\"at\":1}"), "refused");
    ok = ok && said(zenb_step(session, "no json"), "error");
    ok = ok && said(zenb_step(session, "{\"input\":\"stop\",\"at\":2,\"by\":\"person\"}"), "taken");
    ok = ok && said(zenb_summary(session), "ended_ms");
    ok = ok && zenb_open("{}") == NULL && zenb_step(NULL, "{}") == NULL;
    zenb_close(session);
    printf("stopped\n");
    return ok ? 0 : 1;
}
