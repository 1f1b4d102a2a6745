//! `rome doctor`

use anyhow::Result;
use rome_edit::{
    DeviceComparison, DeviceName, DeviceReport, DeviceTest, Error, Folder, Machine, SelfTest, SelfTestReport,
};
use serde_json::json;

use crate::args::DoctorArgs;
use crate::cli_error::CliError;
use crate::ui::{self, ProgressBar};

pub(crate) fn run(args: DoctorArgs) -> Result<()> {
    let found = rome_edit::devices(&args.devices)?;
    let devices: Vec<DeviceReport> = found.iter().map(DeviceReport::of).collect();
    let auto = DeviceName::Auto.find().map_err(Error::from)?.name;
    let (machine, absent) = (Machine::this(), rome_edit::missing_backends());
    // What there is stands there before anything is tried on it.
    if !args.form.json {
        show_machine(&machine)?;
        show_devices(&devices, &auto)?;
        if !absent.is_empty() {
            ui::line(format!("Not in this build, added by --features: {}", absent.join(", ")))?;
        }
    }
    let self_test = SelfTest.run(&mut ProgressBar::new())?;
    if !args.form.json {
        show_self_test(&self_test)?;
    }
    let tests =
        if args.test { DeviceTest { devices: found }.run(&mut ProgressBar::new())? } else { Vec::new() };
    if args.form.json {
        ui::json(&json!({
            "machine": machine, "devices": devices, "auto": auto, "not_compiled_in": absent,
            "self_test": self_test, "tests": tests,
        }))?;
    } else if args.test {
        show_tests(&tests)?;
    }
    if !self_test.passed() {
        return CliError::fail("the self-test failed", "please report this, with rome doctor --json");
    }
    let Some(test) = tests.iter().find(|test| !test.holds()) else { return Ok(()) };
    let message = format!("{} differs from the CPU on {}", test.device, test.model);
    CliError::fail(message, "update its driver, or use another device")
}

fn show_machine(machine: &Machine) -> Result<()> {
    let folder = |folder: &Option<Folder>| match folder {
        None => "none: set ROME_CACHE or HF_HOME".to_owned(),
        Some(Folder { path, exists: false, .. }) => format!("{}, not there yet", path.display()),
        Some(Folder { path, n_bytes, .. }) => format!("{}, {}", path.display(), ui::size(*n_bytes)),
    };
    ui::line(ui::bold(&format!("rome {}", machine.version)))?;
    for (name, value) in [
        ("system", machine.system.clone()),
        ("threads", format!("{} (RAYON_NUM_THREADS changes it)", machine.threads)),
        ("instructions", machine.instructions.to_owned()),
        ("statistics", folder(&machine.cache)),
        ("hub models", folder(&machine.hub)),
    ] {
        ui::line(format!("  {name:<12}  {value}"))?;
    }
    ui::line("")
}

fn show_devices(devices: &[DeviceReport], auto: &str) -> Result<()> {
    ui::line(ui::bold("Devices"))?;
    let wide = |text: fn(&DeviceReport) -> usize| devices.iter().map(text).max().unwrap_or(0);
    let (names, models) = (wide(|device| device.name.len()), wide(|device| device.model.len()));
    for device in devices {
        let DeviceReport { name, model, is_cpu, is_gpu, .. } = device;
        let memory = device.memory.map_or_else(|| "not known".to_owned(), ui::size);
        let types = device.types.join(" ");
        let remark = match (is_cpu, is_gpu) {
            _ if name == auto => "chosen by --device auto",
            (false, false) => "software GPU",
            _ => "",
        };
        let text = format!("  {name:<names$}  {model:<models$}  {memory:>9}  {types:<12}  {remark}");
        ui::line(text.trim_end())?;
    }
    Ok(())
}

fn show_self_test(test: &SelfTestReport) -> Result<()> {
    ui::line(ui::bold("\nSelf-test"))?;
    ui::line(format!(
        "  {}: an edit of the bundled model in {:.2} s, target {}, {}",
        if test.passed() { "passed" } else { "failed" },
        test.seconds,
        ui::percent(test.p_target),
        if test.undone { "undone to the bit" } else { "not undone" }
    ))
}

fn show_tests(tests: &[DeviceComparison]) -> Result<()> {
    if tests.is_empty() {
        return ui::line("No other device to compare with the CPU.");
    }
    ui::line(ui::bold("\nComparison with the CPU"))?;
    for test in tests {
        ui::line(format!(
            "  {} {} on {}: logits within {:.0e}, texts {}, cosine of ΔW {:.7}, C within {:.0e}",
            if test.holds() { "passed" } else { "failed" },
            test.model,
            test.device,
            test.logits,
            if test.texts { "equal" } else { "different" },
            test.edit,
            test.statistics
        ))?;
        let [first, again] = test.seconds;
        ui::line(format!(
            "         an edit {again:.2} s, the first {first:.2} s; on the CPU {:.2} s",
            test.seconds_on_the_processor[1]
        ))?;
    }
    Ok(())
}
