// A session through the Kotlin binding: refused without a screen, a text that is no input, stopped.
import uniffi.zenb_ffi.BadText
import uniffi.zenb_ffi.Session

fun main() {
    val opening = """
        {"protocol": {"kind": {"paced": {"pace": {"milli_breaths": 6000, "inhale_permille": 400}}}, "minutes": 5},
         "inhibitions": {"loaded": {"seen_wall_ms": 0, "contexts": {}}},
         "breathed_today_ms": 0, "wall_ms": 1795000000000, "seed": 7}
    """
    Session.open(opening).use { session ->
        val before = session.digest()
        check("screen_missing" in session.step("""{"input": "start", "at": 1}"""))
        check(session.digest() == before) { "a refusal changed the state" }
        try {
            session.step("no json")
            error("a text that is no input was taken")
        } catch (_: BadText.Form) {
        }
        check("taken" in session.step("""{"input": "stop", "at": 2, "by": "person"}"""))
        check("not_started" in session.summary())
        println("kotlin: a session through the UniFFI binding as expected, digest ${session.digest()}")
    }
}
