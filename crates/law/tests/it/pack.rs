use law::pack::{Change, Pack, PackError, PackFiles, Sort, diff, run_tests};

use super::support::{pack_folder, pk, read_pack};

fn changed(path: &str, change: impl FnOnce(String) -> String) -> PackFiles {
    let mut files = read_pack(&pack_folder("pk"));
    let text = String::from_utf8(files.get(path).unwrap().to_vec()).unwrap();
    files.insert(path.parse().unwrap(), change(text).into_bytes());
    files
}

fn problems(path: &str, from: &str, to: &str) -> Vec<PackError> {
    let files = changed(path, |text| {
        assert!(text.contains(from), "{path} has no {from}");
        text.replacen(from, to, 1)
    });
    Pack::load(&files).unwrap_err()
}

#[test]
fn every_rule_of_the_shipped_pack_decides_its_cases_as_stated() {
    let files = read_pack(&pack_folder("pk"));
    let pack = Pack::load(&files).unwrap();
    let outcomes = run_tests(&files, &pack).unwrap();
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !outcome.failures.is_empty())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcomes.len() >= 30);
}

#[test]
fn a_wrong_rule_fails_its_case() {
    let files = changed("policies/corporate.cedar", |text| {
        text.replace("context.facts.owners > 50", "context.facts.owners > 51")
    });
    let outcomes = run_tests(&files, &Pack::load(&files).unwrap()).unwrap();
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.failures.is_empty())
        .map(|outcome| outcome.case.as_str())
        .collect();
    assert_eq!(
        failed,
        ["fifty-one members are too many for a private company"]
    );
}

#[test]
fn a_rule_without_a_case_is_an_error() {
    let extra = r#"@id("untested") @clause("s. 1") @source("companies-act-2017") @text("x")
        forbid (principal, action == Action::"ip", resource) when { context.facts.owners > 1 };"#;
    let files = changed("policies/corporate.cedar", |text| text + extra);
    let errors = run_tests(&files, &Pack::load(&files).unwrap()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "rule untested decides in no case");
}

#[test]
fn a_reference_to_nothing_is_named() {
    let errors = problems("register.yaml", "regulator: pk-secp", "regulator: pk-sec");
    assert_eq!(
        errors[0].to_string(),
        "entity type private-limited names regulator pk-sec, which the pack does not have"
    );
    let errors = problems("register.yaml", "licence: bank }", "licence: banks }");
    assert!(matches!(
        &errors[0],
        PackError::Dangling {
            to_sort: Sort::Licence,
            ..
        }
    ));
    let errors = problems("register.yaml", "private-members-min", "private-members");
    assert!(matches!(
        &errors[0],
        PackError::Dangling {
            to_sort: Sort::Rule,
            ..
        }
    ));
    let errors = problems(
        "policies/tax.cedar",
        "@source(\"income-tax-ordinance-2001\")",
        "@source(\"x\")",
    );
    assert!(matches!(
        &errors[0],
        PackError::Dangling {
            to_sort: Sort::Source,
            ..
        }
    ));
}

#[test]
fn a_rule_that_misreads_the_vocabulary_is_refused_when_read() {
    let tax = "policies/tax.cedar";
    let unknown_fact = problems(
        tax,
        "context.evidence.subject.contains(",
        "context.evidence.subjects.contains(",
    );
    assert!(
        matches!(&unknown_fact[0], PackError::NotCedar { .. }),
        "{unknown_fact:?}"
    );
    let wrong_type = problems(
        tax,
        "context.evidence.subject.contains(\"pk.taxpayer-registration\")",
        "context.facts.owners == \"two\"",
    );
    assert!(
        matches!(&wrong_type[0], PackError::NotCedar { .. }),
        "{wrong_type:?}"
    );
    let every_domain = problems(tax, "action == Action::\"tax\"", "action");
    assert!(
        matches!(&every_domain[0], PackError::NotARule { .. }),
        "{every_domain:?}"
    );
    let no_domain = problems(tax, "Action::\"tax\"", "Action::\"taxes\"");
    assert!(
        matches!(&no_domain[0], PackError::NotCedar { .. }),
        "{no_domain:?}"
    );
}

#[test]
fn a_rule_without_clause_or_source_is_refused() {
    for annotation in ["@id(", "@clause(", "@source(", "@text(", "@requires("] {
        let files = changed("policies/tax.cedar", |text| {
            let lines = text.lines().filter(|line| !line.starts_with(annotation));
            lines.collect::<Vec<_>>().join("\n")
        });
        let errors = Pack::load(&files).unwrap_err();
        assert!(
            errors
                .iter()
                .any(|error| matches!(error, PackError::NotARule { .. })),
            "{annotation}: {errors:?}"
        );
    }
}

#[test]
fn all_problems_of_a_pack_are_listed_at_once() {
    let mut files = changed("pack.yaml", |text| {
        text.replace("jurisdiction: pk", "jurisdiction: PK")
    });
    files.insert("notes.txt".parse().unwrap(), vec![]);
    files.insert(
        "evidence.yaml".parse().unwrap(),
        b"- id: x\n  color: red\n".to_vec(),
    );
    let errors = Pack::load(&files).unwrap_err();
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{text:?}");
}

#[test]
fn the_difference_between_versions_names_files_and_rules() {
    let old_files = read_pack(&pack_folder("pk"));
    let new_files = changed("policies/corporate.cedar", |text| {
        text.replace("context.facts.owners > 50", "context.facts.owners > 100")
    });
    let new = Pack::load(&new_files).unwrap();
    let changes = diff((&old_files, &pk()), (&new_files, &new));
    assert_eq!(
        changes,
        [
            Change::FileChanged {
                path: "policies/corporate.cedar".parse().unwrap()
            },
            Change::RuleChanged {
                rule: "private-members-max".parse().unwrap()
            },
        ]
    );
}
