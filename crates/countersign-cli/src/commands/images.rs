//! `images`: what the engine has.

use countersign_core::time::DateTime;
use countersign_engine::EngineImage;
use countersign_registry::transfer::short_id;

use crate::app::App;
use crate::engine::EngineArgs;
use crate::exit::ExitStatus;
use crate::table::table;
use crate::time;

/// List the images that the engine has
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print JSON, one object for each image
    #[arg(long)]
    json: bool,
    /// Show whole digests
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// Prints a table as `docker images` does; with `--quiet` the digests alone.
pub(crate) async fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let images = app.engine(&args.engine).await?.images().await?;
    if args.json {
        for image in &images {
            app.printer().data(json(image))?;
        }
    } else if app.printer().is_quiet() {
        for image in &images {
            app.printer().data(image.digest)?;
        }
    } else {
        let rows: Vec<_> =
            images.iter().map(|image| row(image, args.no_trunc, app.context().now())).collect();
        app.printer().data_text(&table(["REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE"], &rows))?;
    }
    Ok(ExitStatus::Success)
}

fn row(image: &EngineImage, whole: bool, now: DateTime) -> [String; 5] {
    let none = || "<none>".to_owned();
    let digest = image.digest;
    let name = image.reference.as_ref();
    [
        name.map_or_else(none, |name| name.familiar_name().to_owned()),
        name.and_then(|name| name.tag()).map_or_else(none, str::to_owned),
        if whole { digest.to_string() } else { short_id(&digest) },
        created(image).map_or_else(|| "unknown".to_owned(), |then| time::ago(then, now)),
        size(image.size),
    ]
}

fn json(image: &EngineImage) -> serde_json::Value {
    serde_json::json!({
        "reference": image.reference.as_ref().map(ToString::to_string),
        "digest": image.digest.to_string(),
        "created": created(image),
        "size": image.size,
    })
}

fn created(image: &EngineImage) -> Option<DateTime> {
    DateTime::from_unix(image.created?.as_second())
}

/// Bytes as Docker writes them: powers of 1000, three digits.
fn size(bytes: u64) -> String {
    let mut unit = "B";
    let (mut whole, mut scaled) = (bytes, bytes.saturating_mul(100));
    for larger in ["kB", "MB", "GB", "TB", "PB"] {
        if whole < 1000 {
            break;
        }
        (unit, whole, scaled) = (larger, whole / 1000, scaled / 1000);
    }
    match (unit, whole) {
        ("B", _) | (_, 100..) => format!("{whole} {unit}"),
        (_, 10..) => format!("{whole}.{} {unit}", scaled / 10 % 10),
        _ => format!("{whole}.{:02} {unit}", scaled % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let sizes = [0, 999, 1_000, 1_234, 12_345, 123_456, 1_999_999, 45_600_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.00 kB", "1.23 kB", "12.3 kB", "123 kB", "1.99 MB", "45.6 GB"]);
    }
}
