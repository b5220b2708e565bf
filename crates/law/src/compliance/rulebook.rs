//! The packs in force, and the judgement they make.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId as CedarId, EntityTypeName, EntityUid,
    PolicySet, Request, Schema,
};
use ids::time::{InstantOutOfRange, utc_day};
use ids::{EntityId, JurisdictionId, PackItemId, Salt};
use jiff::civil::Date;
use serde_json::json;

use super::rule::Rule;
use super::{
    CommitmentOpening, Domain, DomainResult, Evaluation, EvidenceSubject, EvidenceUse, Facts, Gate,
    Reason, State, VerifiedEvidence,
};
use crate::pack::Pack;

const SCREENING_RULE: &str = "hanse/screening-floor";

/// All packs of a zone, ready to judge.
#[derive(Debug, Clone)]
pub struct Rulebook {
    packs: Vec<Pack>,
    schema: Schema,
}

/// Why packs make no rulebook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulebookError {
    /// Two packs have one id.
    #[error("pack {pack} is given twice")]
    DuplicatePack {
        /// Which.
        pack: PackItemId,
    },
}

/// What to judge.
#[derive(Debug, Clone)]
pub struct EvaluationRequest<'a> {
    /// Whom.
    pub subject: &'a EntityId,
    /// Under whose law. Packs of the jurisdictions it lies in apply too.
    pub jurisdiction: &'a JurisdictionId,
    /// As of when, in milliseconds since 1970-01-01T00:00:00Z.
    pub as_of_ms: i64,
    /// On which facts.
    pub facts: &'a Facts,
    /// On which evidence. What is about others, or was verified for another instant, does not count.
    pub evidence: &'a [VerifiedEvidence],
    /// What stands in the way of the operation.
    pub gates: BTreeMap<Domain, Gate>,
    /// 32 random bytes for the commitment.
    pub salt: Salt,
}

/// The vocabulary of rules.
pub(crate) fn schema() -> Schema {
    let (schema, _warnings) = Schema::from_cedarschema_str(include_str!("schema.cedarschema"))
        .expect("the schema is a constant that a test reads");
    schema
}

impl Rulebook {
    /// Takes the packs of a zone. Their order does not matter.
    pub fn new(mut packs: Vec<Pack>) -> Result<Self, RulebookError> {
        packs.sort_by(|a, b| a.id().cmp(b.id()));
        if let Some(pair) = packs.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            return Err(RulebookError::DuplicatePack {
                pack: pair[0].id().clone(),
            });
        }
        Ok(Self {
            packs,
            schema: schema(),
        })
    }

    /// The packs, by id.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// Every kind of evidence that the packs know, with the domain in which it counts.
    pub fn evidence_kinds(&self) -> BTreeMap<PackItemId, Domain> {
        let kinds = self.packs.iter().flat_map(Pack::evidence_kinds);
        kinds.map(|kind| (kind.id.clone(), kind.domain)).collect()
    }

    /// The entity types offered on the UTC day of `as_of_ms`, each with its jurisdiction.
    pub fn entity_types(
        &self,
        as_of_ms: i64,
    ) -> Result<Vec<(JurisdictionId, PackItemId)>, InstantOutOfRange> {
        let day = utc_day(as_of_ms)?;
        let packs = self.packs.iter().filter(|pack| pack.is_in_force(day));
        let offered = packs.flat_map(|pack| {
            let jurisdiction = &pack.manifest().jurisdiction;
            let types = pack.register().entity_types.iter();
            types.map(move |entity_type| (jurisdiction.clone(), entity_type.id.clone()))
        });
        Ok(offered.collect())
    }

    /// Judges a subject in all twenty domains.
    pub fn evaluate(
        &self,
        request: &EvaluationRequest<'_>,
    ) -> Result<Evaluation, InstantOutOfRange> {
        let day = utc_day(request.as_of_ms)?;
        let packs: Vec<&Pack> = self
            .packs
            .iter()
            .filter(|pack| pack.applies_in(request.jurisdiction) && pack.is_in_force(day))
            .collect();
        let bench = Bench {
            request,
            day,
            packs,
            schema: &self.schema,
        };
        let domains: BTreeMap<Domain, DomainResult> = Domain::ALL
            .into_iter()
            .map(|domain| (domain, bench.judge(domain)))
            .collect();
        Ok(bench.conclude(domains))
    }
}

/// One judgement in the making.
struct Bench<'a> {
    request: &'a EvaluationRequest<'a>,
    day: Date,
    packs: Vec<&'a Pack>,
    schema: &'a Schema,
}

/// What one layer of law says, or nothing if it has no rule.
struct Finding {
    state: State,
    reasons: Vec<Reason>,
}

impl Bench<'_> {
    fn judge(&self, domain: Domain) -> DomainResult {
        let findings = self
            .packs
            .iter()
            .filter_map(|pack| self.judge_layer(pack, domain));
        let screening = (domain == Domain::Sanctions).then(|| self.screening_floor());
        let findings: Vec<Finding> = findings.chain(screening).collect();
        let has_rules = findings.iter().any(|finding| {
            finding
                .reasons
                .iter()
                .any(|reason| reason.rule != SCREENING_RULE)
        });
        let mut state = State::aggregate(findings.iter().map(|finding| finding.state));
        let mut reasons: Vec<Reason> = findings
            .into_iter()
            .flat_map(|finding| finding.reasons)
            .collect();
        if !has_rules {
            state = state.meet(State::Pending);
            reasons.push(self.undecided(domain));
        }
        reasons.sort_by_key(|reason| reason.state);
        DomainResult {
            state,
            reasons,
            evidence: self.evidence_in(domain),
        }
    }

    /// The strictest reading of one pack. An error in a rule keeps the layer from passing, since a
    /// rule that could not be read may have forbidden.
    fn judge_layer(&self, pack: &Pack, domain: Domain) -> Option<Finding> {
        let rules: BTreeMap<&str, &Rule> = pack
            .rules()
            .iter()
            .filter(|rule| rule.domains.contains(&domain) && rule.effective.contains(self.day))
            .map(|rule| (rule.id.as_str(), rule))
            .collect();
        if rules.is_empty() {
            return None;
        }
        let response = match self.ask(rules.values().copied(), domain) {
            Ok(response) => response,
            Err(detail) => return Some(unreadable(pack, rules.values().copied(), &detail)),
        };
        let satisfied: Vec<&Rule> = response
            .diagnostics()
            .reason()
            .filter_map(|id| rules.get(AsRef::<str>::as_ref(id)).copied())
            .collect();
        let states = satisfied.iter().map(|rule| rule.state);
        let mut finding = match (response.decision(), satisfied.is_empty()) {
            (Decision::Allow, _) => {
                let state = states.reduce(State::join).unwrap_or(State::Pending);
                let decisive = satisfied.iter().filter(|rule| rule.state == state);
                Finding {
                    state,
                    reasons: decisive.map(|rule| pack.reason(rule, state)).collect(),
                }
            }
            (Decision::Deny, false) => Finding {
                state: State::aggregate(states),
                reasons: satisfied
                    .iter()
                    .map(|rule| pack.reason(rule, rule.state))
                    .collect(),
            },
            (Decision::Deny, true) => unmet(pack, rules.values().copied()),
        };
        let errors: Vec<String> = response
            .diagnostics()
            .errors()
            .map(ToString::to_string)
            .collect();
        if !errors.is_empty() {
            let errors = unreadable(pack, rules.values().copied(), &errors.join("; "));
            finding.state = finding.state.meet(errors.state);
            finding.reasons.extend(errors.reasons);
        }
        // A layer that only forbids, and forbids nothing, leaves the domain to the other layers.
        (!finding.reasons.is_empty()).then_some(finding)
    }

    fn ask<'r>(
        &self,
        rules: impl Iterator<Item = &'r Rule>,
        domain: Domain,
    ) -> Result<cedar_policy::Response, String> {
        let policies = PolicySet::from_policies(rules.map(|rule| rule.policy.clone()))
            .map_err(|error| error.to_string())?;
        let uid = |kind: &str, id: &str| {
            let kind: EntityTypeName = kind.parse().expect("the schema's names are valid");
            EntityUid::from_type_name_and_id(kind, CedarId::new(id))
        };
        let action = uid("Action", domain.as_str());
        let context = Context::from_json_value(self.context(), Some((self.schema, &action)))
            .map_err(|error| error.to_string())?;
        let request = Request::new(
            uid("Subject", self.request.subject.as_str()),
            action,
            uid("Jurisdiction", self.request.jurisdiction.as_str()),
            context,
            Some(self.schema),
        )
        .map_err(|error| error.to_string())?;
        Ok(Authorizer::new().is_authorized(&request, &policies, &Entities::empty()))
    }

    fn context(&self) -> serde_json::Value {
        let facts = self.request.facts;
        let mut context = json!({
            "facts": {
                "operation": facts.operation,
                "entity_type": facts.entity_type,
                "legal_name": facts.legal_name,
                "legal_name_folded": facts.legal_name.to_lowercase(),
                "activities": facts.activities,
                "directors": facts.directors,
                "owners": facts.owners,
                "disclosed_bps": facts.disclosed_bps,
                "largest_unidentified_share_bps": facts.largest_unidentified_share_bps,
                "unidentified_directors": facts.unidentified_directors,
                "screening": facts.screening,
            },
            "evidence": {
                "subject": self.kinds_about_subject(),
                "every_person": self.kinds_about_every_person(),
            },
        });
        if let Some(age) = facts.youngest_director_age {
            context["facts"]["youngest_director_age"] = age.into();
        }
        context
    }

    /// Evidence verified for this instant, about this subject or its persons.
    fn evidence(&self) -> impl Iterator<Item = &VerifiedEvidence> {
        self.request.evidence.iter().filter(|evidence| {
            let is_ours = match &evidence.subject {
                EvidenceSubject::Entity(entity) => entity == self.request.subject,
                EvidenceSubject::Person(person) => self.request.facts.persons.contains(person),
            };
            is_ours && evidence.as_of_ms == self.request.as_of_ms
        })
    }

    fn kinds_about_subject(&self) -> BTreeSet<&str> {
        let is_about_subject =
            |evidence: &&VerifiedEvidence| matches!(evidence.subject, EvidenceSubject::Entity(_));
        self.evidence()
            .filter(is_about_subject)
            .map(|evidence| evidence.kind.as_str())
            .collect()
    }

    fn kinds_about_every_person(&self) -> BTreeSet<&str> {
        let mut holders: BTreeMap<&str, BTreeSet<&ids::PersonId>> = BTreeMap::new();
        for evidence in self.evidence() {
            if let EvidenceSubject::Person(person) = &evidence.subject {
                holders
                    .entry(evidence.kind.as_str())
                    .or_default()
                    .insert(person);
            }
        }
        let persons = self.request.facts.persons.len();
        holders
            .into_iter()
            .filter(|(_, held)| held.len() == persons)
            .map(|(kind, _)| kind)
            .collect()
    }

    fn evidence_in(&self, domain: Domain) -> Vec<EvidenceUse> {
        let used: BTreeSet<EvidenceUse> = self
            .evidence()
            .filter(|evidence| evidence.domain == domain)
            .map(|evidence| EvidenceUse {
                kind: evidence.kind.clone(),
                issuer: evidence.issuer.clone(),
                digest: evidence.digest,
            })
            .collect();
        used.into_iter().collect()
    }

    /// What screening alone allows. It stands above the packs, which can only be stricter.
    fn screening_floor(&self) -> Finding {
        let counts = &self.request.facts.screening;
        let is_clear =
            counts.parties > 0 && counts.cleared == counts.parties && !counts.lists.is_empty();
        let (state, text) = match (counts.blocked, is_clear) {
            (1.., _) => (
                State::NonCompliant,
                "a party matches a sanctions list, or no list could be trusted",
            ),
            (0, true) => (
                State::Compliant,
                "every party is cleared against the named lists",
            ),
            (0, false) => (
                State::Pending,
                "every party must be cleared by a recent screening against a named list",
            ),
        };
        let lists: Vec<&str> = counts.lists.iter().map(String::as_str).collect();
        let reason = Reason {
            state,
            rule: SCREENING_RULE.to_owned(),
            clause: "screening".to_owned(),
            source: "Screening policy of the zone manifest".to_owned(),
            url: "zone.yaml#screening".to_owned(),
            text: format!(
                "{text}: {} of {} cleared, {} blocked, lists [{}]",
                counts.cleared,
                counts.parties,
                counts.blocked,
                lists.join(", ")
            ),
        };
        Finding {
            state,
            reasons: vec![reason],
        }
    }

    fn undecided(&self, domain: Domain) -> Reason {
        Reason {
            state: State::Pending,
            rule: "hanse/undecided".to_owned(),
            clause: "default".to_owned(),
            source: "Packs of the zone manifest".to_owned(),
            url: "zone.yaml#packs".to_owned(),
            text: format!(
                "no pack in force on {} in {} has a rule for {domain}",
                self.day, self.request.jurisdiction
            ),
        }
    }

    fn conclude(&self, domains: BTreeMap<Domain, DomainResult>) -> Evaluation {
        let digests = |result: &DomainResult| {
            (
                result.state,
                result.evidence.iter().map(|used| used.digest).collect(),
            )
        };
        let opening = CommitmentOpening {
            subject: self.request.subject.clone(),
            jurisdiction: self.request.jurisdiction.clone(),
            operation: self.request.facts.operation,
            as_of_ms: self.request.as_of_ms,
            domains: domains
                .iter()
                .map(|(domain, result)| (*domain, digests(result)))
                .collect(),
            facts: self.request.facts.clone(),
            rules: self.packs.iter().map(|pack| pack.pinned()).collect(),
            salt: self.request.salt,
        };
        Evaluation {
            subject: opening.subject.clone(),
            jurisdiction: opening.jurisdiction.clone(),
            operation: opening.operation,
            as_of_ms: opening.as_of_ms,
            rules: opening.rules.clone(),
            gates: self.request.gates.clone(),
            domains,
            commitment: opening.commitment(),
            opening,
        }
    }
}

/// No rule holds: what each would have needed.
fn unmet<'r>(pack: &Pack, rules: impl Iterator<Item = &'r Rule>) -> Finding {
    let reasons: Vec<Reason> = rules
        .filter_map(|rule| {
            let requires = rule.requires.clone()?;
            Some(Reason {
                text: requires,
                ..pack.reason(rule, State::Pending)
            })
        })
        .collect();
    Finding {
        state: State::Pending,
        reasons,
    }
}

fn unreadable<'r>(pack: &Pack, rules: impl Iterator<Item = &'r Rule>, detail: &str) -> Finding {
    let reasons = rules
        .map(|rule| Reason {
            text: format!("the rule could not be evaluated: {detail}"),
            ..pack.reason(rule, State::Pending)
        })
        .collect();
    Finding {
        state: State::Pending,
        reasons,
    }
}
