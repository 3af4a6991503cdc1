//! Builds the program again when the demo's page appears or changes. A debug build reads the page's
//! folder when it runs, and needs no telling.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if release { "../client/demo/dist/index.html" } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
