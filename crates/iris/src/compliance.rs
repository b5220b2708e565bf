//! What the messenger carries out, and which test shows it: one table, from which `docs/iris/compliance.md` and
//! `docs/iris/doap.xml` are written (`cargo run -p iris --example doap`). The suites and levels are those of XEP-0479
//! (Compliance Suites 2023, 0.1.0) for servers.

use crate::xml::Xml;

/// Where a row stands in XEP-0479.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Core.
    Core,
    /// Web, with all of Core.
    Web,
    /// Instant messaging, with all of Core.
    Im,
    /// Mobile, with all of Core.
    Mobile,
    /// Calls, with all of Core.
    Calls,
    /// In none of them.
    Further,
}

/// From which level on a suite asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `Server`.
    Core,
    /// `Advanced Server`.
    Advanced,
    /// It does not.
    Unasked,
}

/// How much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All that a server is asked for.
    Complete,
    /// A part; the note says which is missing.
    Partial,
    /// Clients do it and the server lets it pass unchanged.
    Passed,
    /// Nothing yet.
    Missing,
}

/// A test: its file in the repository, and its name there.
pub type Test = (&'static str, &'static str);

/// One specification.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// In which suite.
    pub suite: Suite,
    /// At which level.
    pub level: Level,
    /// `RFC 6120` or `XEP-0030`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The version that was followed; empty for RFCs.
    pub version: &'static str,
    /// How much of it.
    pub status: Status,
    /// What shows it.
    pub tests: &'static [Test],
    /// What there is to add.
    pub note: &'static str,
}

const SERVICES_MESSAGE: &str = "crates/iris/tests/it/services_message.rs";
const SERVICES_MAM: &str = "crates/iris/tests/it/services_mam.rs";
const ATTENTION: &str = "crates/iris/tests/it/attention.rs";
const SERVICES_MISC: &str = "crates/iris/tests/it/services_misc.rs";
const SERVICES_PEP: &str = "crates/iris/tests/it/services_pep.rs";
const SERVICES_ROSTER: &str = "crates/iris/tests/it/services_roster.rs";
const SERVICES_SUBSCRIPTION: &str = "crates/iris/tests/it/services_subscription.rs";
const STREAM: &str = "crates/iris/tests/it/client_stream.rs";
const FRAMER: &str = "crates/iris/tests/it/framer.rs";
const ROOMS: &str = "crates/iris/tests/it/muc.rs";
const PEERS: &str = "crates/iris/tests/it/s2s.rs";
const SIGN_IN: &str = "crates/iris/src/sasl/tests.rs";
const COUNTS: &str = "crates/iris/src/sm.rs";
const BOSH: &str = "crates/iris/src/bosh.rs";
const COMPONENT: &str = "crates/iris-server/tests/it/component.rs";
const NODE_WEB: &str = "crates/hanse/tests/it/iris_web.rs";
const NODE_OPERATOR: &str = "crates/hanse/tests/it/iris_operator.rs";
const J6: &str = "crates/hanse/tests/it/j6.rs";
const J7: &str = "crates/hanse/tests/it/j7.rs";
const STOCK_MESSAGES: &str = "tools/xmpp/checks_messages.py";
const STOCK_ACCOUNT: &str = "tools/xmpp/checks_account.py";
const STOCK_ROOMS: &str = "tools/xmpp/checks_rooms.py";

#[expect(
    clippy::too_many_arguments,
    reason = "one line of the table is one call"
)]
const fn row(
    suite: Suite,
    level: Level,
    id: &'static str,
    name: &'static str,
    version: &'static str,
    status: Status,
    tests: &'static [Test],
    note: &'static str,
) -> Row {
    Row {
        suite,
        level,
        id,
        name,
        version,
        status,
        tests,
        note,
    }
}

use Level::{Advanced, Core as Basic, Unasked};
use Status::{Complete, Missing, Partial, Passed};
use Suite::{Calls, Core, Further, Im, Mobile, Web};

/// The table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row(Core, Basic, "RFC 6120", "XMPP Core", "", Complete,
        &[(STREAM, "a_client_starts_tls_signs_in_binds_and_speaks"), (FRAMER, "what_is_let_through_is_what_rxml_reads"), (STOCK_MESSAGES, "signs_in_by_scram_over_starttls_and_direct_tls")], ""),
    row(Core, Basic, "RFC 7590", "Use of TLS", "", Complete,
        &[(STREAM, "what_came_before_tls_is_not_read_after_it"), (STOCK_MESSAGES, "offers_no_password_in_the_clear")], ""),
    row(Core, Basic, "XEP-0030", "Service Discovery", "2.5.0", Complete,
        &[(SERVICES_MISC, "discovery_names_what_is_there"), (STOCK_ACCOUNT, "the_server_says_what_it_is")], ""),
    row(Core, Basic, "XEP-0114", "Jabber Component Protocol", "1.6", Complete,
        &[(COMPONENT, "a_component_and_a_client_speak_with_each_other_in_order"), (COMPONENT, "who_does_not_know_the_secret_or_asks_for_another_host_is_refused"), (COMPONENT, "a_component_that_speaks_for_another_host_is_cut_off_and_not_heard")], ""),
    row(Core, Advanced, "XEP-0368", "SRV records for XMPP over TLS", "1.1.0", Complete,
        &[(STOCK_MESSAGES, "signs_in_by_scram_over_starttls_and_direct_tls")], "accepts direct TLS"),
    row(Core, Advanced, "XEP-0115", "Entity Capabilities", "1.6.0", Complete,
        &[(SERVICES_MISC, "the_servers_capabilities_hash_what_it_answers"), (SERVICES_PEP, "the_server_asks_once_for_the_same_capabilities")], ""),
    row(Core, Advanced, "XEP-0163", "Personal Eventing Protocol", "1.2.2", Partial,
        &[(SERVICES_PEP, "events_reach_who_may_read_and_announced_interest"), (SERVICES_PEP, "a_device_that_arrives_gets_the_newest_item_of_what_it_wants"), (SERVICES_PEP, "contacts_on_other_servers_get_events_while_they_are_there_and_may_read"), (STOCK_ACCOUNT, "pep_notifies_contacts_who_asked")],
        "contacts are subscribed by presence and capabilities; no explicit subscriptions"),

    row(Web, Basic, "RFC 7395", "XMPP over WebSocket", "", Complete,
        &[(STREAM, "a_websocket_carries_one_element_a_message"), (NODE_WEB, "a_web_client_talks_and_resumes_over_a_websocket"), (NODE_WEB, "a_page_from_elsewhere_may_connect_and_has_no_rights_by_it")], ""),
    row(Web, Basic, "XEP-0206", "XMPP over BOSH", "1.4", Complete,
        &[(BOSH, "every_message_of_the_stream_is_answered_once_and_in_order"), (BOSH, "a_restart_opens_the_stream_again"), (NODE_WEB, "a_web_client_talks_over_plain_requests"), (NODE_WEB, "a_bosh_request_that_fits_no_session_is_told_why")], "with XEP-0124 1.11"),

    row(Im, Basic, "RFC 6121", "Instant Messaging and Presence", "", Complete,
        &[(SERVICES_SUBSCRIPTION, "outbound_requests_follow_appendix_a_2"), (SERVICES_SUBSCRIPTION, "inbound_requests_follow_appendix_a_3"), (SERVICES_SUBSCRIPTION, "both_rosters_agree_whatever_two_accounts_ask_of_each_other"), (SERVICES_ROSTER, "contacts_see_each_other_come_change_and_go"), (SERVICES_ROSTER, "who_names_the_newest_version_gets_no_roster"), (STOCK_ACCOUNT, "roster_is_kept_pushed_and_versioned")], ""),
    row(Im, Basic, "XEP-0054", "vcard-temp", "1.2", Complete,
        &[(SERVICES_PEP, "avatars_vcards_and_presence_show_the_same_picture"), (STOCK_ACCOUNT, "vcard_is_kept_and_shown")], ""),
    row(Im, Basic, "XEP-0280", "Message Carbons", "1.0.1", Complete,
        &[(SERVICES_MESSAGE, "a_message_is_in_both_archives_and_reaches_devices_of_both_sides"), (SERVICES_MESSAGE, "what_asks_not_to_be_copied_is_not"), (STOCK_MESSAGES, "another_device_sees_both_sides_by_carbons")], ""),
    row(Im, Basic, "XEP-0045", "Multi-User Chat", "1.35.5", Complete,
        &[(ROOMS, "whoever_enters_first_makes_the_room_and_owns_it"), (ROOMS, "newcomers_get_what_was_said_in_order_then_the_subject"), (ROOMS, "in_a_moderated_room_guests_need_voice"), (STOCK_ROOMS, "a_room_carries_talk_subject_and_history")], ""),
    row(Im, Basic, "XEP-0249", "Direct MUC Invitations", "1.2", Passed,
        &[("crates/iris/src/services/content.rs", "bodies_ciphertexts_receipts_and_hints_decide_what_is_kept_and_copied"), (STOCK_ROOMS, "a_direct_invitation_arrives")], "kept for devices that are away"),
    row(Im, Basic, "XEP-0363", "HTTP File Upload", "1.2.0", Complete,
        &[(SERVICES_MISC, "slots_are_given_by_size_and_only_to_local_accounts"), (STOCK_ACCOUNT, "a_file_is_uploaded_and_fetched"), (NODE_WEB, "a_file_is_put_once_with_its_exact_size_and_lies_sealed")], ""),
    row(Im, Advanced, "XEP-0398", "User Avatar to vCard-Based Avatars Conversion", "1.0.1", Complete,
        &[(SERVICES_PEP, "avatars_vcards_and_presence_show_the_same_picture"), (STOCK_ACCOUNT, "an_avatar_published_by_pep_is_in_the_vcard")], ""),
    row(Im, Advanced, "XEP-0153", "vCard-Based Avatars", "1.1.1", Complete,
        &[(SERVICES_PEP, "avatars_vcards_and_presence_show_the_same_picture")], ""),
    row(Im, Advanced, "XEP-0191", "Blocking Command", "1.3", Complete,
        &[(SERVICES_MISC, "blocking_hides_presence_refuses_messages_and_tells_other_devices"), (STOCK_ACCOUNT, "a_blocked_sender_is_not_heard")], ""),
    row(Im, Advanced, "XEP-0048", "Bookmarks", "1.2", Complete,
        &[(SERVICES_PEP, "old_and_current_bookmarks_are_one"), (STOCK_ACCOUNT, "private_storage_is_private_and_kept")], "in private storage, as a view of XEP-0402; bookmarks of web pages are not kept"),
    row(Im, Advanced, "XEP-0402", "PEP Native Bookmarks", "1.2.0", Complete,
        &[(SERVICES_PEP, "old_and_current_bookmarks_are_one"), (STOCK_ACCOUNT, "bookmarks_are_private_and_pushed")], "with urn:xmpp:bookmarks:1#compat"),
    row(Im, Advanced, "XEP-0410", "MUC Self-Ping", "1.1.0", Complete,
        &[(ROOMS, "a_self_ping_tells_whether_one_is_inside"), (STOCK_ROOMS, "a_self_ping_tells_whether_one_is_still_there")], ""),
    row(Im, Advanced, "XEP-0223", "Persistent Storage of Private Data via PubSub", "1.1.1", Complete,
        &[(SERVICES_PEP, "private_data_is_the_owners_alone"), (STOCK_ACCOUNT, "bookmarks_are_private_and_pushed")], ""),
    row(Im, Advanced, "XEP-0049", "Private XML Storage", "1.2", Complete,
        &[(SERVICES_PEP, "private_elements_are_kept_by_name_and_namespace"), (STOCK_ACCOUNT, "private_storage_is_private_and_kept")], ""),
    row(Im, Advanced, "XEP-0198", "Stream Management", "1.6.3", Complete,
        &[(COUNTS, "outbound_behaves_like_its_model"), (STREAM, "h_waits_for_the_disk_but_not_forever"), (STREAM, "a_session_is_resumed_where_it_was"), (STOCK_MESSAGES, "a_cut_connection_resumes_without_loss_or_doubles")], "h counts what is durable"),
    row(Im, Advanced, "XEP-0313", "Message Archive Management", "1.1.3", Complete,
        &[(SERVICES_MAM, "pages_tile_the_archive_in_both_directions"), (SERVICES_MAM, "filters_narrow_what_is_read"), (ROOMS, "the_archive_of_a_room_shows_a_tombstone_for_what_was_retracted_and_only_to_those_who_may"), (STOCK_MESSAGES, "archive_pages_tile_exactly"), (STOCK_ROOMS, "a_room_has_an_archive_of_its_own")], "of accounts and rooms, with #extended"),

    row(Mobile, Basic, "XEP-0198", "Stream Management", "1.6.3", Complete,
        &[(COUNTS, "taking_back_an_acknowledgement_is_an_error"), (STOCK_MESSAGES, "slixmpp_resumes_by_itself")], "as under IM"),
    row(Mobile, Basic, "XEP-0352", "Client State Indication", "1.0.0", Complete,
        &[(ATTENTION, "each_stanza_is_what_it_is_to_a_person"), (STOCK_ACCOUNT, "an_inactive_client_loses_no_message")], ""),
    row(Mobile, Advanced, "XEP-0357", "Push Notifications", "0.4.1", Complete,
        &[(SERVICES_MESSAGE, "an_absent_device_is_woken_through_its_app_server_which_learns_only_a_number")], "only the number of messages leaves the node"),

    row(Calls, Basic, "XEP-0215", "External Service Discovery", "1.0.0", Complete,
        &[(SERVICES_MISC, "turn_credentials_end_and_name_nobody")], ""),

    row(Further, Unasked, "XEP-0004", "Data Forms", "2.13.1", Partial,
        &[(SERVICES_PEP, "nodes_are_created_configured_emptied_and_ended")], "as far as the services read and write them"),
    row(Further, Unasked, "XEP-0059", "Result Set Management", "1.0", Complete,
        &[(SERVICES_MAM, "pages_tile_the_archive_in_both_directions")], ""),
    row(Further, Unasked, "XEP-0060", "Publish-Subscribe", "1.24.1", Partial,
        &[(SERVICES_PEP, "publish_options_make_the_node_and_afterwards_must_fit_it"), (SERVICES_PEP, "each_access_model_lets_its_readers_in_and_nobody_else"), (SERVICES_PEP, "a_node_keeps_the_newest_items_up_to_its_limit")], "the part that accounts need"),
    row(Further, Unasked, "XEP-0077", "In-Band Registration", "2.4", Partial,
        &[(SERVICES_MISC, "a_password_is_changed_by_its_owner"), (SERVICES_MISC, "who_leaves_for_good_is_gone_for_contacts_and_strangers")], "changing a password and leaving; accounts are made by the operator"),
    row(Further, Unasked, "XEP-0084", "User Avatar", "1.1.4", Complete,
        &[(SERVICES_PEP, "avatars_vcards_and_presence_show_the_same_picture")], ""),
    row(Further, Unasked, "XEP-0085", "Chat State Notifications", "2.1", Passed,
        &[(SERVICES_MESSAGE, "chat_states_pass_and_leave_nothing_behind")], ""),
    row(Further, Unasked, "XEP-0092", "Software Version", "1.1", Complete,
        &[(SERVICES_MISC, "the_server_answers_ping_version_time_and_the_old_session_request")], ""),
    row(Further, Unasked, "XEP-0156", "Discovering Alternative XMPP Connection Methods", "1.4.0", Complete,
        &[(NODE_WEB, "clients_find_websocket_and_bosh_by_the_name_of_the_node")], "host-meta, as XML and JSON"),
    row(Further, Unasked, "RFC 7628", "SASL OAUTHBEARER", "", Complete,
        &[(NODE_OPERATOR, "a_token_of_the_zone_signs_in_to_the_account_of_its_principal_until_it_is_taken_back")], "with tokens of the zone"),
    row(Further, Unasked, "XEP-0157", "Contact Addresses for XMPP Services", "1.1.1", Complete,
        &[(SERVICES_MISC, "discovery_names_what_is_there")], ""),
    row(Further, Unasked, "XEP-0160", "Best Practices for Handling Offline Messages", "1.0.1", Complete,
        &[(SERVICES_MESSAGE, "what_is_sent_while_nobody_is_there_waits_in_the_archive"), (STOCK_MESSAGES, "offline_messages_come_once_in_order_with_their_time")], "a cursor of each device into the archive"),
    row(Further, Unasked, "XEP-0178", "Best Practices for Use of SASL EXTERNAL with Certificates", "1.2", Complete,
        &[(PEERS, "certificates_prove_both_sides_and_stanzas_are_acknowledged"), (J7, "a_node_federates_with_prosody"), (J7, "a_server_without_a_trustworthy_certificate_gets_and_gives_nothing")], "between servers"),
    row(Further, Unasked, "XEP-0184", "Message Delivery Receipts", "1.4.0", Passed,
        &[("crates/iris/src/services/content.rs", "bodies_ciphertexts_receipts_and_hints_decide_what_is_kept_and_copied")], "kept for devices that are away"),
    row(Further, Unasked, "XEP-0199", "XMPP Ping", "2.0.1", Complete,
        &[(SERVICES_MISC, "the_server_answers_ping_version_time_and_the_old_session_request"), (STOCK_ACCOUNT, "the_server_says_what_it_is")], ""),
    row(Further, Unasked, "XEP-0202", "Entity Time", "2.0", Complete,
        &[(SERVICES_MISC, "the_server_answers_ping_version_time_and_the_old_session_request")], ""),
    row(Further, Unasked, "XEP-0203", "Delayed Delivery", "2.0", Complete,
        &[(STOCK_MESSAGES, "offline_messages_come_once_in_order_with_their_time")], ""),
    row(Further, Unasked, "XEP-0220", "Server Dialback", "1.1.1", Complete,
        &[(PEERS, "dialback_proves_who_has_no_trusted_certificate_where_policy_allows"), (PEERS, "a_key_that_is_not_the_domains_own_proves_nothing"), (J7, "dialback_is_enough_only_where_no_authority_is_configured")], "only where policy allows it"),
    row(Further, Unasked, "XEP-0297", "Stanza Forwarding", "1.0", Complete,
        &[(SERVICES_MAM, "filters_narrow_what_is_read")], ""),
    row(Further, Unasked, "XEP-0333", "Displayed Markers", "1.0.0", Passed,
        &[("crates/iris/src/services/content.rs", "bodies_ciphertexts_receipts_and_hints_decide_what_is_kept_and_copied")], "kept for devices that are away"),
    row(Further, Unasked, "XEP-0334", "Message Processing Hints", "0.4.0", Complete,
        &[("crates/iris/src/services/content.rs", "bodies_ciphertexts_receipts_and_hints_decide_what_is_kept_and_copied")], "no-permanent-store counts as no-store: what waits for a device waits in the archive"),
    row(Further, Unasked, "XEP-0359", "Unique and Stable Stanza IDs", "0.7.0", Complete,
        &[(SERVICES_MESSAGE, "every_delivered_copy_names_its_place_in_the_owners_archive_and_no_forged_one"), (STOCK_MESSAGES, "a_message_sent_twice_with_one_origin_id_is_kept_once")], ""),
    row(Further, Unasked, "XEP-0384", "OMEMO Encryption", "0.9.1", Passed,
        &[(SERVICES_PEP, "omemo_keys_can_be_published_without_options_and_read_by_strangers"), (SERVICES_MESSAGE, "payloads_arrive_byte_for_byte"), (STOCK_ACCOUNT, "pep_has_what_omemo_asks_of_a_server"), (J6, "stock_clients_talk_encrypted_through_cuts_and_kills_and_the_server_has_no_plaintext"), (J6, "two_different_clients_encrypt_for_each_other")], "what it asks of a server, for both namespaces in use"),
    row(Further, Unasked, "XEP-0386", "Bind 2", "1.1.0", Complete,
        &[(STREAM, "one_round_trip_signs_in_binds_and_enables_everything")], ""),
    row(Further, Unasked, "XEP-0388", "Extensible SASL Profile", "1.0.4", Complete,
        &[(STREAM, "one_round_trip_signs_in_binds_and_enables_everything"), (SIGN_IN, "the_official_vectors_hold")], ""),
    row(Further, Unasked, "XEP-0421", "Occupant identifiers for semi-anonymous MUCs", "1.0.1", Complete,
        &[(ROOMS, "what_is_said_reaches_all_with_one_stable_id_and_an_occupant_id"), (ROOMS, "a_spoofed_stable_id_or_occupant_id_does_not_pass")], ""),
    row(Further, Unasked, "XEP-0425", "Moderated Message Retraction", "0.3.0", Complete,
        &[(ROOMS, "a_moderator_retracts_a_message_for_all")], ""),
    row(Further, Unasked, "XEP-0440", "SASL Channel-Binding Type Capability", "1.0.0", Complete,
        &[(SIGN_IN, "the_channel_is_bound_and_a_downgrade_is_noticed")], ""),
    row(Further, Unasked, "XEP-0441", "Message Archive Management Preferences", "0.2.0", Complete,
        &[(SERVICES_MAM, "preferences_are_kept_and_checked"), (SERVICES_MESSAGE, "who_wants_no_archive_still_gets_what_waited")], ""),
    row(Further, Unasked, "XEP-0490", "Message Displayed Synchronization", "1.0.1", Passed,
        &[(SERVICES_PEP, "private_data_is_the_owners_alone")], "a private node that keeps every item"),
];

/// The page for people.
pub fn markdown() -> String {
    let mut page = String::from(
        "# What the messenger complies with\n\n\
         The table follows [XEP-0479](https://xmpp.org/extensions/xep-0479.html) (Compliance Suites 2023) for servers. Each row \
         names the tests that show it; a row without one says so. It is written from `crates/iris/src/compliance.rs` by \
         `cargo run -p iris --example doap`, and a test fails when this page, `doap.xml` or the name of a test is out of date.\n\n\
         *Passed on* means that clients do it and the server delivers, copies and archives it unchanged. Tests in `crates/` run with \
         `make test`; those in `tools/xmpp/` drive the running node with stock clients.\n",
    );
    let suites = [
        (Core, "Core"),
        (Web, "Web"),
        (Im, "Instant messaging"),
        (Mobile, "Mobile"),
        (Calls, "Audio and video calls"),
        (Further, "Further specifications"),
    ];
    for (suite, title) in suites {
        page.push_str(&format!(
            "\n## {title}\n\n| Specification | Version | Level | State | Shown by | Note |\n|---|---|---|---|---|---|\n"
        ));
        for row in ROWS.iter().filter(|row| row.suite == suite) {
            page.push_str(&line(row));
        }
    }
    page
}

fn line(row: &Row) -> String {
    let level = match row.level {
        Basic => "Server",
        Advanced => "Advanced",
        Unasked => "–",
    };
    let status = match row.status {
        Complete => "complete",
        Partial => "partial",
        Passed => "passed on",
        Missing => "not there yet",
    };
    let tests: Vec<String> = row
        .tests
        .iter()
        .map(|(file, name)| format!("[`{name}`](../../{file})"))
        .collect();
    let tests = if tests.is_empty() {
        "no test yet".to_owned()
    } else {
        tests.join(", ")
    };
    let Row {
        id,
        name,
        version,
        note,
        ..
    } = row;
    format!("| {id} {name} | {version} | {level} | {status} | {tests} | {note} |\n")
}

/// The page for machines: a description of the project (DOAP) with the extensions that the XSF lists (XEP-0453).
pub fn doap() -> String {
    let mut seen = Vec::new();
    let mut implements = String::new();
    for row in ROWS {
        if seen.contains(&row.id) {
            continue;
        }
        seen.push(row.id);
        implements.push_str("    ");
        implements.push_str(&implemented(row).finish());
        implements.push('\n');
    }
    format!(
        "<?xml version='1.0' encoding='UTF-8'?>\n\
         <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://usefulinc.com/ns/doap#' xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>\n  \
         <Project>\n    <name>Hanse Iris</name>\n    \
         <shortdesc xml:lang='en'>An XMPP server that acknowledges what is durable</shortdesc>\n    \
         <programming-language>Rust</programming-language>\n    \
         <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>\n{implements}  </Project>\n</rdf:RDF>\n"
    )
}

fn implemented(row: &Row) -> Xml {
    let resource = match row.id.split_once(' ') {
        Some((_, number)) => format!("https://www.rfc-editor.org/info/rfc{number}"),
        None => format!(
            "https://xmpp.org/extensions/{}.html",
            row.id.to_ascii_lowercase()
        ),
    };
    if row.version.is_empty() {
        return Xml::new("implements").attr("rdf:resource", &resource);
    }
    let status = match row.status {
        Complete | Passed => "complete",
        Partial => "partial",
        Missing => "planned",
    };
    let note =
        (!row.note.is_empty()).then(|| Xml::new("xmpp:note").attr("xml:lang", "en").text(row.note));
    Xml::new("implements").child(
        Xml::new("xmpp:SupportedXep")
            .child(Xml::new("xmpp:xep").attr("rdf:resource", &resource))
            .child(Xml::new("xmpp:status").text(status))
            .child(Xml::new("xmpp:version").text(row.version))
            .children(note),
    )
}
