//! What callers ask of this part of the node.

platform::actions! {
    ConductSession => Write BreathWrite, "Record consent, and open, feed, stop or erase a breath session.";
    ReadSessions => Read BreathRead, "See breath sessions.";
}
