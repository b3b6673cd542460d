//! `vindicate replay`: one run again, in full detail.
//!
//! A seed's run is that of a campaign with the same profile and mutants: its case is printed as a
//! scenario, with what every command gave. A file is a scenario or a finding, run as it says.

use std::io::{self, Write};
use std::path::Path;

use sim::decide::Tape;
use sim::host::HostKind;
use sim::seed::Seed;

use crate::cli::fuzz::{SchemaArguments, SearchArguments, profile_parser};
use crate::cli::run::mutant_parser;
use crate::cli::{CommandError, Verdict, read_text};
use crate::fuzz::campaign::Campaign;
use crate::fuzz::profile::Profile;
use crate::mutant::Mutant;
use crate::scenario::{self, Options, Run};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A seed of a campaign, or a scenario's file
    #[arg(value_name = "SEED|FILE")]
    what: String,
    /// The profile that the seed was run with
    #[arg(long, value_name = "P", value_parser = profile_parser(), default_value = "small")]
    profile: &'static Profile,
    /// Put a bug in; may be repeated
    #[arg(long = "mutant", value_name = "M", value_parser = mutant_parser())]
    mutants: Vec<Mutant>,
    #[command(flatten)]
    schema: SchemaArguments,
    #[command(flatten)]
    search: SearchArguments,
    /// Every message and event, too
    #[arg(long)]
    trace: bool,
    /// The choices that were not as by default, as a tape
    #[arg(long)]
    tape: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Verdict, CommandError> {
    let path = Path::new(&arguments.what);
    let (text, options) = match path.is_file() {
        true => (read_text(path)?, Options::beside(path)),
        false => arguments.of_seed()?,
    };
    let options = Options { record: true, mutants: arguments.mutants, ..options };
    let run = scenario::tell(&text, &options).map_err(|error| {
        CommandError::usage(format!("{}:{}: {error}", arguments.what, error.line))
            .hint("a seed is a number; a file is a scenario")
    })?;
    tell(&run, arguments.trace, arguments.tape, &mut io::stdout())
}

impl Arguments {
    /// A seed's case as a scenario, and how it is run.
    fn of_seed(&self) -> Result<(String, Options), CommandError> {
        let seed = Seed::parse(&self.what);
        let campaign = Campaign {
            profile: self.profile,
            source: self.schema.source()?,
            mutants: self.mutants.clone(),
            search: self.search.search(),
            host: HostKind::default(),
        };
        let case = campaign.case(seed);
        let chance = campaign.chance(&case, seed);
        let chance = chance.map_err(|error| CommandError::usage(error.to_string()))?;
        Ok((case.text("", &Tape::default()), campaign.options(chance)))
    }
}

fn tell(run: &Run, trace: bool, tape: bool, out: &mut dyn Write) -> Result<Verdict, CommandError> {
    write!(out, "{}", run.output)?;
    if tape {
        write!(out, "\n{}", run.tape)?;
    }
    if trace {
        writeln!(out)?;
        for line in run.trace.lines() {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "\ndigest {:016x}", run.digest)?;
    Ok(match &run.verdict {
        scenario::Verdict::Held => {
            writeln!(out, "held")?;
            Verdict::Held
        }
        scenario::Verdict::Violated(stories) => {
            for story in stories {
                write!(out, "{}", story.text)?;
            }
            Verdict::Failed
        }
        scenario::Verdict::Stuck(waits) => {
            writeln!(out, "stuck: {}", waits.join("; "))?;
            Verdict::Stuck
        }
        scenario::Verdict::Panicked(panics) => {
            writeln!(out, "a fault of vindicate: {}", panics.join("; "))?;
            Verdict::OurFault
        }
    })
}
