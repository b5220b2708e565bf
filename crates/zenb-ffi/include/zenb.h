/* Breath guidance for programs in C. Every text is UTF-8 JSON, ended by NUL; what the library gives is
 * freed with zenb_free. The forms of openings, inputs and steps are in docs/zenb/embed.md. */
#ifndef ZENB_H
#define ZENB_H
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct zenb_session zenb_session;

/* Opens a session; NULL when the opening is not of its form. One thread at a time may call into one session's
 * functions or several: they exclude each other. */
zenb_session *zenb_open(const char *opening);
/* Ends the session's life. */
void zenb_close(zenb_session *session);
/* What followed from the opening: {"events":[...],"digest":"..."}. */
char *zenb_opened(const zenb_session *session);
/* Takes an input: {"taken":{...}}, {"refused":{...}} (the state is as before) or {"error":"..."}. */
char *zenb_step(const zenb_session *session, const char *input);
/* What a person should see now. */
char *zenb_view(const zenb_session *session);
/* What draws the pacer at any moment until the next step. */
char *zenb_pacer(const zenb_session *session);
/* How the session ended; "null" while it runs. */
char *zenb_summary(const zenb_session *session);
/* The digest of the whole state, as text without quotes. */
char *zenb_digest(const zenb_session *session);
/* Recomputes a session from the JSON array of its events. */
char *zenb_replay(const char *events);
/* Room for a text of len bytes, for callers that share memory with the module. */
char *zenb_text(size_t len);
/* Frees what the library gave. */
void zenb_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
