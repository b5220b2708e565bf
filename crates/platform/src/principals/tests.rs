use std::collections::BTreeSet;

use api::principals::{CreatePrincipal, DisablePrincipal, PrincipalKind, SetStanding};
use api::scope::{Role, Scope, ScopeSet, Standing};
use api::tokens::{IssueToken, RevokeToken};
use evidence::digest::Digest;
use ids::PrincipalId;
use ids::aggregate::Aggregate;
use proptest::prelude::*;

use super::bootstrap::{Bootstrap, BootstrapBody, BootstrapCommand};
use super::principal::{self, Principal, PrincipalBody, PrincipalCommand};
use super::refusal::Refusal;
use super::token::{self, Token, TokenBody, TokenCommand};

fn id(text: &str) -> PrincipalId {
    text.parse().unwrap()
}

fn wish(name: &str, standing: Standing) -> CreatePrincipal {
    CreatePrincipal {
        id: id(name),
        kind: PrincipalKind::Person,
        display_name: name.to_owned(),
        key: None,
        standing,
        entities: BTreeSet::new(),
        jurisdiction: None,
    }
}

fn ask(
    state: Option<PrincipalBody>,
    command: PrincipalCommand,
    by: &str,
) -> Result<PrincipalBody, Refusal> {
    let by = id(by);
    let context = principal::Context {
        now_ms: 5_000,
        by: &by,
    };
    let events = Principal::decide(state.as_ref(), command, &context)?.events;
    Ok(Principal::replay(state, &events).unwrap().unwrap())
}

fn principal(standing: Standing) -> PrincipalBody {
    ask(
        None,
        PrincipalCommand::Create(wish("ali", standing)),
        "root",
    )
    .unwrap()
}

fn issue(principal: Option<&PrincipalBody>, wish: IssueToken) -> Result<TokenBody, Refusal> {
    let by = id("root");
    let context = token::Context {
        now_ms: 5_000,
        by: &by,
        jti: "tok-1",
        principal,
    };
    let events = Token::decide(None, TokenCommand::Issue(wish), &context)?.events;
    Ok(Token::replay(None, &events).unwrap().unwrap())
}

fn token_wish(scopes: Option<ScopeSet>) -> IssueToken {
    IssueToken {
        principal: id("ali"),
        scopes,
        lifetime_s: None,
        entities: BTreeSet::new(),
        jurisdiction: None,
    }
}

#[test]
fn a_name_is_given_out_once_and_never_that_of_a_part_of_the_node() {
    let ali = principal(Standing::staff(Role::Reviewer));
    let again = PrincipalCommand::Create(wish("ali", Standing::Regulator {}));
    assert!(matches!(
        ask(Some(ali), again, "root"),
        Err(Refusal::NameTaken { .. })
    ));
    for part in ["node", "iris", "invitation"] {
        let create = PrincipalCommand::Create(wish(part, Standing::Regulator {}));
        assert!(
            matches!(ask(None, create, "root"), Err(Refusal::NameReserved { .. })),
            "{part}"
        );
    }
}

#[test]
fn nobody_changes_their_own_standing_and_disabling_is_for_good() {
    let set = || {
        PrincipalCommand::SetStanding(SetStanding {
            standing: Standing::staff(Role::Registrar),
            entities: BTreeSet::new(),
            jurisdiction: None,
        })
    };
    let disable = || {
        let reason = "left".to_owned();
        PrincipalCommand::Disable(DisablePrincipal { reason })
    };
    let ali = principal(Standing::staff(Role::Reviewer));
    for command in [set(), disable()] {
        let own = ask(Some(ali.clone()), command, "ali");
        assert!(matches!(own, Err(Refusal::OwnStanding)));
    }
    let disabled = ask(Some(ali), disable(), "root").unwrap();
    for command in [set(), disable()] {
        let after = ask(Some(disabled.clone()), command, "root");
        assert!(matches!(after, Err(Refusal::Disabled { .. })));
    }
    let token = issue(Some(&disabled), token_wish(None));
    assert!(matches!(token, Err(Refusal::MayNotAct)));
}

#[test]
fn a_token_is_for_a_principal_that_is_there_and_is_taken_back_once() {
    assert!(matches!(
        issue(None, token_wish(None)),
        Err(Refusal::NoSuchPrincipal)
    ));
    let ali = principal(Standing::staff(Role::Reviewer));
    let mut token = Some(issue(Some(&ali), token_wish(None)).unwrap());
    let by = id("root");
    let context = token::Context {
        now_ms: 6_000,
        by: &by,
        jti: "tok-1",
        principal: None,
    };
    let revoke = || {
        TokenCommand::Revoke(RevokeToken {
            reason: "lost".to_owned(),
        })
    };
    let events = Token::decide(token.as_ref(), revoke(), &context)
        .unwrap()
        .events;
    token = Token::replay(token, &events).unwrap();
    let again = Token::decide(token.as_ref(), revoke(), &context);
    assert!(matches!(again, Err(Refusal::AlreadyRevoked)));
}

#[test]
fn the_bootstrap_token_makes_one_administrator_and_the_next_one_replaces_it() {
    let (one, other) = (Digest::raw(b"one"), Digest::raw(b"other"));
    let ask = |state: Option<BootstrapBody>, command| {
        let events = Bootstrap::decide(state.as_ref(), command, &())?.events;
        Ok::<_, Refusal>(Bootstrap::replay(state, &events).unwrap())
    };
    let redeem = |digest| BootstrapCommand::Redeem(digest, id("ali"));
    assert!(matches!(
        ask(None, redeem(one)),
        Err(Refusal::NotTheBootstrapToken)
    ));
    let issued = ask(None, BootstrapCommand::Issue(one)).unwrap();
    assert!(matches!(
        ask(issued.clone(), redeem(other)),
        Err(Refusal::NotTheBootstrapToken)
    ));
    let replaced = ask(issued.clone(), BootstrapCommand::Issue(other)).unwrap();
    assert!(matches!(
        ask(replaced, redeem(one)),
        Err(Refusal::NotTheBootstrapToken)
    ));
    let spent = ask(issued, redeem(one)).unwrap();
    assert!(matches!(
        ask(spent, redeem(one)),
        Err(Refusal::BootstrapSpent)
    ));
}

proptest! {
    #[test]
    fn a_token_never_allows_more_than_its_principal_may_do(
        roles in prop::collection::btree_set(prop::sample::select(Role::ALL), 0..4),
        scopes in prop::collection::btree_set(prop::sample::select(Scope::all().collect::<Vec<_>>()), 0..6),
    ) {
        let ali = principal(Standing::Staff { roles });
        let allowed = ali.standing.scopes();
        match issue(Some(&ali), token_wish(Some(scopes.clone()))) {
            Ok(token) => prop_assert!(token.scopes == scopes && scopes.is_subset(&allowed)),
            Err(Refusal::BeyondStanding { scope }) => prop_assert!(!allowed.contains(&scope)),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
