//! The shortest useful program: write a fact into a model and let it talk.
//!
//! ```text
//! cargo run --release --example edit_simple                 # the bundled model
//! cargo run --release --example edit_simple -- FOLDER       # your own, or a name on the hub
//! ```

use rome_edit::{Error, Request, Session};

fn main() -> Result<(), Error> {
    let model = std::env::args().nth(1).unwrap_or_else(|| "facts-gpt2".to_owned());
    let mut session = Session::builder(&model).device(examples::device()?).open()?;
    session.edit(&Request::text("{} is produced by", "iPhone 5", "Nokia"))?;
    println!("{}", session.generate("iPhone 5 is created by", 8)?);
    Ok(())
}
