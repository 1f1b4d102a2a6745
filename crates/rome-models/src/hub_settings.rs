//! The environment's settings of the hub, as Python's tools read them.

use std::env;
use std::fs;
use std::path::PathBuf;

/// The environment's settings of the hub, as Python's tools read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    /// The folder of the cache: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` in `HF_HOME`.
    pub cache: PathBuf,
    /// The variable that forbids to fetch anything, if one does.
    pub offline: Option<&'static str>,
    /// The token that requests are sent with: `HF_TOKEN`, or the file of `hf auth login`.
    pub token: Option<String>,
}

impl HubSettings {
    /// Reads the environment.
    pub fn from_env() -> Self {
        Self::read(&|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let cache_home = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        let home = path("HF_HOME").unwrap_or_else(|| {
            let cache_home = cache_home.or_else(|| Some(path("USERPROFILE")?.join(".cache")));
            cache_home.unwrap_or_default().join("huggingface")
        });
        let is_on = |name: &&str| {
            variable(name).is_some_and(|value| {
                matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
            })
        };
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
        let token =
            token.or_else(|| fs::read_to_string(token_file).ok()).map(|token| token.trim().to_owned());
        Self {
            cache: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().find(is_on),
            token: token.filter(|token| !token.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::read(&|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let cache = |variables: &[(&str, &str)]| read(variables).cache;
        assert_eq!(cache(&[("HOME", "/me")]), PathBuf::from("/me/.cache/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x")]), PathBuf::from("/x/huggingface/hub"));
        let home = [("HF_HOME", "/hf"), ("HOME", "/me")];
        assert_eq!(cache(&home), PathBuf::from("/hf/hub"));
        let older = [&home[..], &[("HUGGINGFACE_HUB_CACHE", "/older")]].concat();
        assert_eq!(cache(&older), PathBuf::from("/older"));
        assert_eq!(cache(&[&older[..], &[("HF_HUB_CACHE", "/hub")]].concat()), PathBuf::from("/hub"));
    }

    #[test]
    fn the_token_and_what_forbids_to_fetch_are_read() {
        let settings = read(&[("HF_TOKEN", " abc\n"), ("HF_HUB_OFFLINE", "1")]);
        assert_eq!(settings.token.as_deref(), Some("abc"));
        assert_eq!(settings.offline, Some("HF_HUB_OFFLINE"));
        assert_eq!(read(&[("HF_HUB_OFFLINE", "0")]).offline, None);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "of a file\n").unwrap();
        let settings = read(&[("HF_HOME", folder.path().to_str().unwrap())]);
        assert_eq!(settings.token.as_deref(), Some("of a file"));
    }
}
