//! Reading `zone.yaml`. There is one dialect; what other programs write is refused with its
//! translation.

use std::collections::BTreeMap;

use ids::{JurisdictionId, PackItemId};
use serde_json::Value;

use super::form::{Field, Form, Object, join};
use super::{Manifest, Operator, PackPin, ReviewPolicy, ScreeningPolicy};
use crate::compliance::{Authority, Domain, Gate, Operation};
use crate::yaml;

pub use super::form::{Problem, Rule};

const FORMAT: &str = "hanse.zone/v1";
const DAYS_MAX: u64 = 366 * 10;
const HOURS_MAX: u64 = 24 * DAYS_MAX;

const MEMBERS: [&str; 12] = [
    "format",
    "zone_id",
    "name",
    "jurisdiction_stack",
    "operator",
    "log_origin",
    "packs",
    "compliance_domains",
    "screening",
    "review",
    "authorities",
    "regulators",
];

/// Members of other manifests, each with what to write here.
const DIALECT: [(&str, &str); 16] = [
    ("zone_name", "`name`"),
    (
        "jurisdiction_id",
        "`jurisdiction_stack`, whose last layer is where entities are registered",
    ),
    (
        "domains",
        "`compliance_domains`, an object of operation to domain to gate",
    ),
    ("lawpack", "`packs`"),
    ("lawpacks", "`packs`"),
    ("lawpack_domains", "`packs`"),
    ("regpacks", "`packs`"),
    ("licensepacks", "`packs`"),
    ("licensepack_domains", "`packs`"),
    (
        "licensepack_refresh_policy",
        "`screening.list_age_max_days`",
    ),
    ("profile", "`packs`, each named"),
    (
        "trust_anchors",
        "`authorities`, each with `did`, `name` and `domains`",
    ),
    (
        "lockfile_path",
        "nothing; the lock is always `zone.lock` beside this file",
    ),
    (
        "key_management",
        "nothing; keys are not the manifest's business",
    ),
    (
        "key_rotation_policy",
        "nothing; keys are not the manifest's business",
    ),
    (
        "national_adapters",
        "nothing; an outside system attests as one of the `authorities`",
    ),
];

/// Domain names of other vocabularies.
const DOMAIN_ALIASES: [(&str, &str); 7] = [
    ("aml_cft", "aml"),
    ("aml-cft", "aml"),
    ("labor", "employment"),
    ("labour", "employment"),
    ("intellectual_property", "ip"),
    ("data-privacy", "data_privacy"),
    ("digital-assets", "digital_assets"),
];

impl Manifest {
    /// Reads a manifest. Every problem is listed, not only the first.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let value: Value = yaml::from_slice(bytes).map_err(|error| {
            let rule = Rule::NotYaml {
                detail: error.to_string(),
            };
            vec![Problem {
                path: "zone.yaml".to_owned(),
                rule,
            }]
        })?;
        let mut form = Form::default();
        let manifest = read_manifest(&mut form, &value);
        match manifest {
            Some(manifest) if form.problems.is_empty() => Ok(manifest),
            _ => Err(form.problems),
        }
    }
}

/// Every part is read before the first missing one ends it, so that all problems are noted.
fn read_manifest(form: &mut Form, value: &Value) -> Option<Manifest> {
    let root = Field {
        path: String::new(),
        value,
    };
    let object = form.object(&root, &MEMBERS, &DIALECT)?;
    read_format(form, &object);
    let zone_id = form.parsed(&object, "zone_id");
    let name = form.text(&object, "name");
    let jurisdiction_stack = read_stack(form, &object);
    let operator = read_operator(form, &object);
    let log_origin = read_origin(form, &object);
    let packs = read_packs(form, &object);
    let compliance_domains = read_gates(form, &object);
    let screening = read_screening(form, &object);
    let review = read_review(form, &object);
    let authorities = read_authorities(form, &object);
    let regulators = form.optional_list(&object, "regulators");
    let regulators: Vec<_> = regulators
        .iter()
        .filter_map(|field| form.parse(field))
        .collect();
    form.distinct("regulators", &regulators);
    Some(Manifest {
        zone_id: zone_id?,
        name: name?,
        jurisdiction_stack,
        operator: operator?,
        log_origin: log_origin?,
        packs,
        compliance_domains,
        screening: screening?,
        review: review?,
        authorities,
        regulators,
    })
}

fn read_format(form: &mut Form, object: &Object<'_>) {
    if form
        .text(object, "format")
        .is_some_and(|format| format != FORMAT)
    {
        form.invalid("format", format!("`{FORMAT}`"));
    }
}

/// Layers from general to specific, each inside the one before.
fn read_stack(form: &mut Form, object: &Object<'_>) -> Vec<JurisdictionId> {
    let fields = form.list(object, "jurisdiction_stack", 1);
    let stack: Vec<JurisdictionId> = fields
        .iter()
        .filter_map(|field| form.parse(field))
        .collect();
    for (index, pair) in stack.windows(2).enumerate() {
        let inside = pair[1].as_str().strip_prefix(pair[0].as_str());
        if !inside.is_some_and(|rest| rest.starts_with('-')) {
            let path = format!("jurisdiction_stack[{}]", index + 1);
            form.invalid(&path, format!("inside `{}`, such as `{0}-zone`", pair[0]));
        }
    }
    stack
}

fn read_operator(form: &mut Form, object: &Object<'_>) -> Option<Operator> {
    let field = form.member(object, "operator")?;
    let object = form.object(&field, &["name", "contact"], &[])?;
    let name = form.text(&object, "name");
    let contact = form.text(&object, "contact");
    Some(Operator {
        name: name?,
        contact: contact?,
    })
}

/// A checkpoint's first line: a host and a path without a scheme (C2SP tlog-checkpoint).
fn read_origin(form: &mut Form, object: &Object<'_>) -> Option<String> {
    let origin = form.text(object, "log_origin")?;
    let is_plain = origin
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'+');
    if !is_plain || origin.contains("://") {
        form.invalid(
            "log_origin",
            "a host and a path without scheme, blanks and plus signs",
        );
        return None;
    }
    Some(origin)
}

fn read_packs(form: &mut Form, object: &Object<'_>) -> Vec<PackPin> {
    let mut packs = vec![];
    for field in form.list(object, "packs", 1) {
        let Some(pack) = form.object(&field, &["id", "version"], &[]) else {
            continue;
        };
        let id: Option<PackItemId> = form.parsed(&pack, "id");
        let version = form.text(&pack, "version");
        if let (Some(id), Some(version)) = (id, version) {
            packs.push(PackPin { id, version });
        }
    }
    form.distinct("packs", packs.iter().map(|pack| &pack.id));
    packs
}

fn read_gates(form: &mut Form, object: &Object<'_>) -> BTreeMap<Operation, BTreeMap<Domain, Gate>> {
    let mut all = BTreeMap::new();
    let Some(field) = object.get("compliance_domains") else {
        return all;
    };
    for (operation, value) in form.members(&field).into_iter().flatten() {
        let field = Field {
            path: join(&field.path, operation),
            value,
        };
        match operation.parse::<Operation>() {
            Ok(operation) => {
                all.insert(operation, read_operation_gates(form, &field));
            }
            Err(_) => {
                let known: Vec<&str> = Operation::ALL.iter().map(|o| o.as_str()).collect();
                form.invalid(&field.path, format!("one of {}", known.join(", ")));
            }
        }
    }
    all
}

fn read_operation_gates(form: &mut Form, field: &Field<'_>) -> BTreeMap<Domain, Gate> {
    let mut gates = BTreeMap::new();
    for (name, value) in form.members(field).into_iter().flatten() {
        let path = join(&field.path, name);
        let domain = read_domain(form, &path, name);
        let gate = match value.as_str() {
            Some("blocks_unless_passing") => Some(Gate::BlocksUnlessPassing),
            Some("blocks_when_non_compliant") => Some(Gate::BlocksWhenNonCompliant),
            _ => {
                form.invalid(
                    &path,
                    "`blocks_unless_passing` or `blocks_when_non_compliant`",
                );
                None
            }
        };
        gates.extend(domain.zip(gate));
    }
    gates
}

fn read_domain(form: &mut Form, path: &str, name: &str) -> Option<Domain> {
    if let Some((_, instead)) = DOMAIN_ALIASES.iter().find(|(alias, _)| *alias == name) {
        form.problem(path, Rule::OtherDialect { instead });
        return None;
    }
    let domain = name.parse();
    if domain.is_err() {
        let known: Vec<&str> = Domain::ALL.iter().map(|domain| domain.as_str()).collect();
        form.invalid(path, format!("one of {}", known.join(", ")));
    }
    domain.ok()
}

fn read_screening(form: &mut Form, object: &Object<'_>) -> Option<ScreeningPolicy> {
    const MEMBERS: [&str; 5] = [
        "lists",
        "list_age_max_days",
        "screening_age_max_hours",
        "review_from_bps",
        "block_from_bps",
    ];
    const DIALECT: [(&str, &str); 2] = [
        (
            "threshold",
            "`review_from_bps` and `block_from_bps`, in hundredths of a per cent",
        ),
        ("max_staleness_hours", "`list_age_max_days`"),
    ];
    let field = form.member(object, "screening")?;
    let object = form.object(&field, &MEMBERS, &DIALECT)?;
    let fields = form.list(&object, "lists", 1);
    let lists: Vec<PackItemId> = fields
        .iter()
        .filter_map(|field| form.parse(field))
        .collect();
    form.distinct("screening.lists", &lists);
    let list_age_max_days = form.number(&object, "list_age_max_days", 1..=DAYS_MAX);
    let screening_age_max_hours = form.number(&object, "screening_age_max_hours", 1..=HOURS_MAX);
    let review_from_bps: Option<u16> = form.number(&object, "review_from_bps", 1..=10_000);
    let block_from_bps: Option<u16> = form.number(&object, "block_from_bps", 1..=10_000);
    if let (Some(review), Some(block)) = (review_from_bps, block_from_bps)
        && block < review
    {
        form.invalid("screening.block_from_bps", "at least `review_from_bps`");
    }
    Some(ScreeningPolicy {
        lists,
        list_age_max_days: list_age_max_days?,
        screening_age_max_hours: screening_age_max_hours?,
        review_from_bps: review_from_bps?,
        block_from_bps: block_from_bps?,
    })
}

fn read_review(form: &mut Form, object: &Object<'_>) -> Option<ReviewPolicy> {
    let field = form.member(object, "review")?;
    let object = form.object(&field, &["approvals_required"], &[])?;
    let approvals_required = form.number(&object, "approvals_required", 1..=9)?;
    Some(ReviewPolicy { approvals_required })
}

fn read_authorities(form: &mut Form, object: &Object<'_>) -> Vec<Authority> {
    let mut authorities = vec![];
    for field in form.optional_list(object, "authorities") {
        let Some(authority) = form.object(&field, &["did", "name", "domains"], &[]) else {
            continue;
        };
        let did: Option<evidence::did::DidKey> = form.parsed(&authority, "did");
        let name = form.text(&authority, "name");
        let mut domains = vec![];
        for domain in form.list(&authority, "domains", 1) {
            let text = form.text_of(&domain);
            domains.extend(text.and_then(|text| read_domain(form, &domain.path, text)));
        }
        if let (Some(did), Some(name)) = (did, name) {
            authorities.push(Authority {
                did: did.to_string(),
                name,
                domains,
            });
        }
    }
    form.distinct(
        "authorities",
        authorities.iter().map(|authority| &authority.did),
    );
    authorities
}
