//! What callers ask of this part of the node.

platform::actions! {
    ExportAccount => Read IrisUsersExport, "Take a copy of what a messenger account holds.";
    ManageAccounts => Write IrisUsersWrite, "Create, invite, disable, remove or erase messenger accounts.";
    ReadAccounts => Read IrisUsersRead, "See messenger accounts and invitations.";
    SeeMessenger => See IrisOperate, "See sessions, queues, rooms and peers of the messenger.";
    SendMessages => Write IrisSend, "Sign in to one's own messenger account.";
}
