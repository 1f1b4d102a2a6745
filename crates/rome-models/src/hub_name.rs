//! The name of a model on the Hugging Face hub.

/// Models that scripts call by one word, and their repositories.
const SHORT: [(&str, &str); 5] = [
    ("gpt2", "openai-community/gpt2"),
    ("gpt2-medium", "openai-community/gpt2-medium"),
    ("gpt2-large", "openai-community/gpt2-large"),
    ("gpt2-xl", "openai-community/gpt2-xl"),
    ("distilgpt2", "distilbert/distilgpt2"),
];

/// The name of a model on the Hugging Face hub: `owner/model`, or a short one such as `gpt2-xl`, with a revision
/// after an `@` if it is another than `main`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubName {
    /// The names that the repository may have in a cache, the one on the hub first.
    pub(crate) repos: Vec<String>,
    /// A branch, a tag or a commit.
    pub(crate) revision: String,
}

impl HubName {
    /// Parses a name; `None` if it is none of the hub's.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (repo, revision) = name.rsplit_once('@').unwrap_or((name, "main"));
        let is_revision = revision.split('/').all(is_part);
        let known = SHORT.iter().find(|(short, whole)| repo == *short || repo == *whole);
        let repos = match known {
            Some((short, whole)) => vec![(*whole).to_owned(), (*short).to_owned()],
            None if repo.split_once('/').is_some_and(|(owner, model)| is_part(owner) && is_part(model)) => {
                vec![repo.to_owned()]
            }
            None => return None,
        };
        is_revision.then(|| Self { repos, revision: revision.to_owned() })
    }
}

/// True if a part of a name would be none of a path that leads elsewhere.
fn is_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_names_are_told_from_paths() {
        for name in
            ["openai-community/gpt2-xl", "EleutherAI/gpt-j-6b", "gpt2", "me/model@float16", "a/b@refs/pr/1"]
        {
            assert!(HubName::parse(name).is_some(), "{name}");
        }
        for path in [
            "./gpt2",
            "../gpt2",
            "/models/gpt2",
            "a/b/c",
            "models\\gpt2",
            "gpt3",
            "x/..",
            "a/b@",
            "a/b@../c",
            "@main",
        ] {
            assert!(HubName::parse(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_short_name_stands_for_its_repository() {
        let name = HubName::parse("gpt2-xl@v1").unwrap();
        assert_eq!(name.repos, ["openai-community/gpt2-xl", "gpt2-xl"]);
        assert_eq!(name.revision, "v1");
        assert_eq!(HubName::parse("openai-community/gpt2-xl").unwrap().repos, name.repos);
    }
}
