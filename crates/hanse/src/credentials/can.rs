//! What callers ask of this part of the node.

platform::actions! {
    IssueCredential => Write CredentialsWrite, "Issue or revoke a credential.";
    ReadCredentials => Read CredentialsRead, "See credentials.";
}
