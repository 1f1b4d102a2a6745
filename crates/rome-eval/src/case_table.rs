//! Cases as a table.

use crate::case::Case;
use crate::measures::contributions;

/// The measures of each case before and after, as CSV.
pub(crate) fn csv<'a>(cases: impl Iterator<Item = &'a Case>) -> Vec<u8> {
    let cases: Vec<&Case> = cases.collect();
    let mut measures: Vec<&str> =
        cases.iter().flat_map(|case| contributions(&case.post).into_keys()).collect();
    measures.sort_unstable();
    measures.dedup();
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["case_id", "prompt", "subject", "target_true", "target_new", "time"].map(str::to_owned);
    let named = measures.iter().flat_map(|name| [format!("{name} before"), format!("{name} after")]);
    // Writing into memory does not fail.
    let _ = table.write_record(header.into_iter().chain(named));
    for case in cases {
        let rewrite = &case.requested_rewrite;
        let start = [
            case.case_id.to_string(),
            rewrite.prompt.clone(),
            rewrite.subject.clone(),
            rewrite.target_true.str.clone(),
            rewrite.target_new.str.clone(),
            format!("{:.4}", case.time),
        ];
        let (pre, post) = (contributions(&case.pre), contributions(&case.post));
        let values = measures.iter().flat_map(|name| {
            [&pre, &post].map(|values| values.get(name).map(|value| value.to_string()).unwrap_or_default())
        });
        let _ = table.write_record(start.into_iter().chain(values));
    }
    table.into_inner().unwrap_or_default()
}
