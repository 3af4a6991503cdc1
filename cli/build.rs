//! Rebuilds the program when one of its pages appears or changes. A debug build reads the pages' folders at run
//! time and needs no rebuild.

fn main() {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let pages = ["../client/demo/dist/index.html", "../client/console/dist/index.html"];
    let watched: &[_] = if release { &pages } else { &["build.rs"] };
    for path in watched {
        println!("cargo::rerun-if-changed={path}");
    }
}
