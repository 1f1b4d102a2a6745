//! The candidates of an evaluation, in order.

use std::path::{Component, Path};

use super::candidate::Candidate;
use super::error::EvaluateError;
use super::method_name::MethodName;
use super::sweep::Sweep;
use super::sweep_point::SweepPoint;
use crate::error::Error;
use crate::session::Session;

/// The candidates of an evaluation, in order, with the values of settings among them.
pub(super) struct Plan {
    /// Each under a name of its own.
    pub(super) candidates: Vec<Candidate>,
    /// The values of each setting.
    pub(super) sweeps: Vec<(&'static str, Vec<SweepPoint>)>,
}

impl Plan {
    /// Adds the values of settings to candidates; ROME itself if there are neither.
    pub(super) fn new(
        mut candidates: Vec<Candidate>,
        sweeps: &[Sweep],
        session: &Session,
    ) -> Result<Self, Error> {
        let (config, shape) = (&session.settings().config, session.model().lm().shape());
        if candidates.is_empty() && sweeps.is_empty() {
            candidates.push(MethodName::Rome.candidate(config));
        }
        let sweeps = sweeps.iter().map(|sweep| Ok((sweep.setting(), sweep.points(config, shape)?)));
        let sweeps = sweeps.collect::<Result<Vec<_>, Error>>()?;
        candidates.extend(sweeps.iter().flat_map(|(_, points)| points).map(SweepPoint::candidate));
        let candidates = distinct(candidates)?;
        match candidates.iter().find(|candidate| candidates.len() > 1 && !is_folder_name(&candidate.name)) {
            Some(candidate) => Err(EvaluateError::FolderName { name: candidate.name.clone() }.into()),
            None => Ok(Self { candidates, sweeps }),
        }
    }

    /// True if there is a single candidate.
    pub(super) fn is_single(&self) -> bool {
        self.candidates.len() == 1
    }
}

/// Leaves out candidates that are there twice.
fn distinct(candidates: Vec<Candidate>) -> Result<Vec<Candidate>, EvaluateError> {
    let mut distinct: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        match distinct.iter().find(|other| other.name == candidate.name) {
            Some(other) if other.describe() == candidate.describe() => {}
            Some(_) => return Err(EvaluateError::SameName { name: candidate.name }),
            None => distinct.push(candidate),
        }
    }
    Ok(distinct)
}

fn is_folder_name(name: &str) -> bool {
    let components: Vec<Component<'_>> = Path::new(name).components().collect();
    matches!(components[..], [Component::Normal(component)] if component == name)
}
