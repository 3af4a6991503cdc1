//! Rebuilds the program when the demo's page appears or changes. A debug build reads the page's folder
//! at run time and needs no rebuild.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if release { "../client/demo/dist/index.html" } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
