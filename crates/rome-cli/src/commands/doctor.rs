//! `rome doctor`

use anyhow::Result;
use rome_device::{Backend, DeviceName, Found};
use serde::Serialize;
use serde_json::json;

use crate::args::DoctorArgs;
use crate::error::Outcome;
use crate::output;

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    model: String,
    memory: Option<u64>,
    is_gpu: bool,
}

impl Row {
    fn new(found: &Found) -> Self {
        Self {
            name: found.name.clone(),
            model: found.model(),
            memory: found.memory(),
            is_gpu: found.is_gpu(),
        }
    }

    fn remark(&self, auto: &str) -> &'static str {
        match () {
            () if self.name == auto => "  taken by --device auto",
            () if self.name.contains(':') && !self.is_gpu => "  a processor that passes for a GPU",
            () => "",
        }
    }
}

pub(crate) fn run(args: DoctorArgs) -> Result<Outcome> {
    let devices: Vec<Row> = Found::all().iter().map(Row::new).collect();
    let auto = DeviceName::Auto.find()?.name;
    let absent: Vec<&str> =
        Backend::ALL.into_iter().filter(|backend| !backend.is_compiled_in()).map(Backend::name).collect();
    if args.json {
        output::json(&json!({ "devices": devices, "auto": auto, "not_compiled_in": absent }))?;
        return Ok(Outcome::Done);
    }
    output::line(output::bold("Devices"))?;
    let wide = |text: fn(&Row) -> usize| devices.iter().map(text).max().unwrap_or(0);
    let (names, models) = (wide(|row| row.name.len()), wide(|row| row.model.len()));
    for row in &devices {
        let memory = row.memory.map_or_else(|| "not known".to_owned(), output::size);
        let (name, model, remark) = (&row.name, &row.model, row.remark(&auto));
        output::line(format!("  {name:<names$}  {model:<models$}  {memory:>10}{remark}"))?;
    }
    if !absent.is_empty() {
        output::line(format!("Not in this build, added by --features: {}", absent.join(", ")))?;
    }
    Ok(Outcome::Done)
}
