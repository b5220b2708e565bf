//! What callers ask of this part of the node.

platform::actions! {
    PublishNotice => Write NoticesWrite, "Publish, correct or withdraw a public notice.";
}
