//! What callers ask of this part of the node.

platform::actions! {
    ReadZone => Read ZoneRead, "See the zone.";
}
