//! The search: what it draws can be run and is the same again, what it finds is small and stays
//! found, and the protocol as it should be holds under it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sim::decide::Tape;
use sim::host::HostKind;
use sim::seed::Seed;
use sim::sql::ast::Statement;
use vindicate::checker::coverage::goal::Goal;
use vindicate::checker::coverage::grid::Grid;
use vindicate::checker::departure::Departure;
use vindicate::fuzz::campaign::{Campaign, Chance, Finding, Search};
use vindicate::fuzz::card::Card;
use vindicate::fuzz::case::{Case, Source, Step};
use vindicate::fuzz::explain::{Then, explain};
use vindicate::fuzz::profile::{PROFILES, Profile};
use vindicate::fuzz::proof::{Failure, failures};
use vindicate::fuzz::schema::given::Given;
use vindicate::fuzz::shape::Shape;
use vindicate::fuzz::shrink::{Shrunk, shrink};
use vindicate::fuzz::strategy::Cases;
use vindicate::mutant::Mutant;
use vindicate::scenario::{self, Options, Verdict};
use vindicate::vschema::definition::Definition;
use vindicate::vschema::{KeyspaceSource, SrvVSchema};

fn profile(name: &str) -> &'static Profile {
    Profile::named(name).expect("a profile of this name")
}

fn campaign(name: &str, mutants: &[Mutant]) -> Campaign {
    Campaign {
        profile: profile(name),
        source: Source::Drawn,
        mutants: mutants.to_vec(),
        search: Search::Random,
        host: HostKind::default(),
    }
}

fn find(campaign: &Campaign, seeds: u64) -> (Finding, Shrunk) {
    for seed in 0..seeds {
        let (_, finding) = campaign.seed(Seed(seed)).expect("a case that runs");
        let Some(finding) = finding else { continue };
        if let Some(small) = shrink(campaign, &finding).expect("cases that run") {
            return (finding, small);
        }
    }
    panic!("{:?} is not found in {seeds} runs", campaign.mutants);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// As many cases as `PROPTEST_CASES` says.
    #[test]
    fn the_protocol_holds(drawn in Cases(profile("small"))) {
        let campaign = campaign("small", &[]);
        let ran = campaign.run(&drawn.case, Chance::Seed(drawn.seed), false).unwrap();
        let news: Vec<&str> = ran.verdict.news().map(|story| story.text.as_str()).collect();
        let text = drawn.case.text("", &Tape::default());
        prop_assert!(ran.verdict.is_as_vitess(), "{:?}\n{}\n{text}", ran.verdict, news.join("\n"));
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for profile in &PROFILES {
        let campaign = campaign(profile.name, &[]);
        let plain = Campaign { host: HostKind::Plain, ..campaign.clone() };
        for seed in (0..6).map(Seed) {
            let case = campaign.case(seed);
            let first = campaign.run(&case, Chance::Seed(seed), true).unwrap();
            let again = campaign.run(&case, Chance::Seed(seed), false).unwrap();
            let other = plain.run(&case, Chance::Seed(seed), false).unwrap();
            let tape = campaign.run(&case, Chance::Tape(first.tape.clone()), false).unwrap();
            let what = format!("profile {}, seed {}", profile.name, seed.0);
            assert_eq!(first.digest, again.digest, "{what}, again");
            assert_eq!(first.digest, other.digest, "{what}, on the other host");
            assert_eq!(first.digest, tape.digest, "{what}, from its tape");
        }
    }
}

/// The search must find what is there: a campaign with a bug in is found to hold by nobody.
#[test]
fn a_planted_bug_is_found_and_its_counterexample_is_minimal() {
    for mutant in [Mutant::PostBeforeNormal, Mutant::NoOwnerLock, Mutant::DeleteInPre] {
        let campaign = campaign("calm", &[mutant]);
        let (finding, small) = find(&campaign, 1_000);
        let lines = small.case.lines(&small.tape);
        assert!(lines <= 15, "{mutant}: {lines} lines\n{}", small.case.text("", &small.tape));
        assert!(small.case.steps.len() <= finding.case.steps.len());
        minimal(&campaign, &small, mutant);
        stands_as_a_scenario(&small, mutant);
        is_explained(&campaign, &small);
        is_proved(&campaign, &finding, &small);
    }
}

/// What `mutants --shrinks` asks of each holds; and where something does not, it says so.
fn is_proved(campaign: &Campaign, finding: &Finding, small: &Shrunk) {
    let proved = |finding: &Finding, small: &Shrunk, text: &str| {
        let explanation = explain(campaign, small).expect("cases that run");
        failures(campaign, finding, small, &explanation, text).expect("cases that run")
    };
    let text = |small: &Shrunk| {
        let text = small.case.text("A finding.", &small.tape);
        scenario::run(&text, &Options::default()).expect("a scenario").output
    };
    let holds = text(small);
    assert_eq!(proved(finding, small, &holds), BTreeSet::new());
    let (case, tape) = (small.case.clone(), small.tape.clone());
    let as_small = Finding { case, tape, ..finding.clone() };
    let mut more = small.clone();
    // It takes no time: a story may tell of what comes behind it.
    more.case.steps.push(Step::Command("check".to_owned()));
    let told = proved(&as_small, &more, &text(&more));
    let expected = [Failure::Grew("lines"), Failure::Grew("steps"), Failure::NotMinimal];
    assert_eq!(told, expected.into());
    let mut other = small.clone();
    other.case.steps.clear();
    assert_eq!(proved(finding, small, &text(&other)), [Failure::NotReplayed].into());
    let unsaid = holds.replace("A finding.", "A finding that").replace("OK", "Ok");
    assert_eq!(proved(finding, small, &unsaid), [Failure::NotFaithful].into());
}

/// Each of its lines is said to be needed.
fn is_explained(campaign: &Campaign, small: &Shrunk) {
    let explanation = explain(campaign, small).expect("cases that run");
    assert_eq!(explanation.lines().count(), small.case.lines(&small.tape));
    assert!(explanation.is_minimal(), "{}", explanation.summary());
    assert!(explanation.lines().all(|(_, then)| *then != Then::Same));
    // With a line too many it says so.
    let mut more = small.clone();
    more.case.steps.push(Step::Advance(Duration::from_millis(1)));
    let explanation = explain(campaign, &more).expect("cases that run");
    assert!(!explanation.is_minimal(), "{}", explanation.summary());
}

/// A team's vschema, tables and statements are a workload like a drawn one: it holds, and a bug in
/// the protocol is found in it.
#[test]
fn a_given_schema_is_searched() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let keyspace = KeyspaceSource::parse(&read("scenarios/lookup/customer.vschema.json")).unwrap();
    let vschema =
        SrvVSchema { keyspaces: [("customer".into(), keyspace)].into(), ..SrvVSchema::default() };
    let definitions: Vec<Definition> = read("scenarios/lookup/customer.schema.sql")
        .split(';')
        .filter_map(|text| match sim::sql::parse(text) {
            Ok(Statement::CreateTable(create)) => {
                Some(Definition { keyspace: "customer".into(), create })
            }
            _ => None,
        })
        .collect();
    let queries = [(1, "delete from corder where sku = ?".to_owned())];
    let given = Given::new(&vschema, &definitions, Some(&queries)).unwrap();
    let source = Source::Given(Arc::new(given));
    let of = |mutants: &[Mutant]| Campaign { source: source.clone(), ..campaign("calm", mutants) };
    let faithful = of(&[]);
    let mut own = 0;
    for seed in (0..60).map(Seed) {
        let case = faithful.case(seed);
        let is_own = |step: &Step| matches!(step, Step::Send { sql, .. } if sql.starts_with("delete from corder where sku = 'p"));
        own += case.steps.iter().filter(|step| is_own(step)).count();
        let ran = faithful.run(&case, Chance::Seed(seed), false).unwrap();
        assert!(ran.verdict.is_as_vitess(), "seed {}: {:?}", seed.0, ran.verdict);
    }
    assert!(100 < own, "{own} statements of the team's");
    let planted = of(&[Mutant::PostBeforeNormal]);
    let (_, small) = find(&planted, 200);
    minimal(&planted, &small, Mutant::PostBeforeNormal);
    stands_as_a_scenario(&small, Mutant::PostBeforeNormal);
}

/// As a file, `decide` lines and all, it fails with the mutant and holds without.
fn stands_as_a_scenario(small: &Shrunk, mutant: Mutant) {
    let text = small.case.text("A finding.", &small.tape);
    let run = |mutants: &[Mutant]| {
        let options = Options { mutants: mutants.to_vec(), ..Options::default() };
        scenario::run(&text, &options).expect("a scenario").verdict
    };
    assert!(matches!(run(&[mutant]), Verdict::Violated(_)), "{mutant} does not show:\n{text}");
    assert_eq!(run(&[]), Verdict::Held, "{mutant}:\n{text}");
}

/// Every departure of Vitess's has a scenario that shows it, and its signature knows it there.
#[test]
fn departures_are_known_by_their_signatures() {
    let folder = Path::new("scenarios/departures");
    let mut known = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() {
            continue;
        }
        // Not declared, violations are told.
        let text = std::fs::read_to_string(&path).unwrap().replace("\nexpect violated ", "\n# ");
        let run = scenario::run(&text, &Options::beside(&path)).unwrap();
        assert!(run.verdict.is_as_vitess(), "{}: {:?}", path.display(), run.verdict);
        if let Verdict::Violated(stories) = run.verdict {
            known.extend(stories.iter().filter_map(|story| story.departure));
        }
    }
    assert_eq!(known, Departure::ALL.map(Departure::name).into());
}

/// Without any one step or deviation it holds, as it does without the mutant.
fn minimal(campaign: &Campaign, small: &Shrunk, mutant: Mutant) {
    let shape = Shape::of(&small.story);
    let shows = |case: &Case, tape: &Tape| {
        campaign.violates(case, tape, &shape).expect("a case that runs").is_some()
    };
    assert!(shows(&small.case, &small.tape), "{mutant}: not found again");
    for at in 0..small.case.steps.len() {
        let mut case = small.case.clone();
        let step = case.steps.remove(at);
        assert!(!shows(&case, &small.tape), "{mutant}: not needed: {}", step.line());
    }
    for schema in small.case.schema.simpler() {
        let case = Case { schema, ..small.case.clone() };
        let holds = !matches!(campaign.violates(&case, &small.tape, &shape), Ok(Some(_)));
        assert!(
            holds,
            "{mutant}: a lookup or a flag is not needed\n{}",
            small.case.text("", &small.tape)
        );
    }
    for (at, left_out) in small.tape.to_string().lines().enumerate() {
        let rest = small.tape.without(at, 1);
        assert!(!shows(&small.case, &rest), "{mutant}: not needed: {left_out}");
    }
}

/// A fault is blamed for what is not ordinary; so without faults nothing may be anything else.
#[test]
fn without_faults_all_errors_are_ordinary() {
    let campaign = campaign("calm", &[]);
    for seed in (0..150).map(Seed) {
        let (ran, _) = campaign.seed(seed).expect("a case that runs");
        assert_eq!(ran.seen.unexplained, Vec::<String>::new(), "seed {}", seed.0);
    }
}

/// What runs have come to see is theirs alone: the same again, and without faults no fault's.
#[test]
fn a_card_tells_of_what_there_was() {
    let card = |name: &str| {
        let campaign = campaign(name, &[]);
        let mut card = Card::default();
        for seed in 0..40 {
            card.take(&campaign.seed(Seed(seed)).expect("a case that runs").0.seen);
        }
        card
    };
    let (small, again, calm) = (card("small"), card("small"), card("calm"));
    assert_eq!((&small.goals, &small.grid), (&again.goals, &again.grid));
    assert_eq!((small.behaviours(), small.ways()), (again.behaviours(), again.ways()));
    assert!(20 < small.behaviours() && 50 < small.ways(), "{}", small.ways());
    assert!(5 < small.grid.kinds().len(), "{:?}", small.grid);
    assert!(0 < small.goals.count(Goal::Deadlock), "{:?}", small.goals);
    assert_eq!(calm.grid, Grid::default());
    let by_faults = calm.goals.reached().filter(|(goal, _)| matches!(goal, Goal::Changed(_)));
    assert_eq!(by_faults.count(), 0, "{:?}", calm.goals);
}

/// Where a lookup is filled while clients work, a bug of the streams or of the operator's commands
/// is found.
#[test]
fn a_bug_of_a_backfill_is_found() {
    let planted = campaign("backfill", &[Mutant::SrvVSchemaNotRebuilt]);
    let (_, small) = find(&planted, 20);
    stands_as_a_scenario(&small, Mutant::SrvVSchemaNotRebuilt);
    for mutant in [Mutant::GroupedDeletes, Mutant::CopyStateDroppedEarly] {
        let planted = campaign("backfill", &[mutant]);
        let shows = |seed| planted.seed(Seed(seed)).expect("a case that runs").1.is_some();
        assert!((0..100).any(shows), "{mutant} is not found");
    }
}

/// By priorities, too: the same seed is the same run, its tape makes it again, a bug is found.
#[test]
fn a_search_by_priorities_is_deterministic_and_finds() {
    let search = Search::Pct { depth: 3 };
    let campaign = Campaign { search, ..campaign("calm", &[]) };
    let plain = Campaign { host: HostKind::Plain, ..campaign.clone() };
    for seed in (0..6).map(Seed) {
        let case = campaign.case(seed);
        let chance = campaign.chance(&case, seed).unwrap();
        let first = campaign.run(&case, chance.clone(), true).unwrap();
        let again = campaign.run(&case, chance.clone(), false).unwrap();
        let other = plain.run(&case, plain.chance(&case, seed).unwrap(), false).unwrap();
        let tape = campaign.run(&case, Chance::Tape(first.tape.clone()), false).unwrap();
        assert_eq!(first.digest, again.digest, "seed {}, again", seed.0);
        assert_eq!(first.digest, other.digest, "seed {}, on the other host", seed.0);
        assert_eq!(first.digest, tape.digest, "seed {}, from its tape", seed.0);
    }
    let planted = Campaign { mutants: vec![Mutant::NoOwnerLock], ..campaign };
    let (_, small) = find(&planted, 1_000);
    minimal(&planted, &small, Mutant::NoOwnerLock);
    stands_as_a_scenario(&small, Mutant::NoOwnerLock);
}
