//! What callers ask of this part of the node.

platform::actions! {
    ConfirmList => Write ScreeningReview, "Confirm or reject a version of a sanctions list that somebody else imported.";
    DecideScreening => Write ScreeningReview, "Decide on a screening hit.";
    ImportList => Write ScreeningWrite, "Import a sanctions list.";
    ReadScreening => Read ScreeningRead, "See screenings.";
    ScreenName => Write ScreeningWrite, "Ask for a screening.";
}
