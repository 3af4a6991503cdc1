//! `tierlift-aws`: what `tierlift --aws` starts. It answers operators' requests about a deployment on AWS, with the
//! credentials of whoever runs it, over its standard input and output: a line of JSON for each request and each answer.
//!
//! It is a program of its own so that `tierlift` is built without an AWS crate. It refuses to print anything for
//! people, and it has no rules: those are the library's.

mod lines;
mod policy;

use std::{io, process::ExitCode, sync::Arc};

use clap::Parser as _;
use tierlift_aws::{
    Sdk, clock,
    operations::{Deployment, StackError},
};
use tierlift_core::{change::Change, codes::Code, shared::Shared};
use tierlift_operations::{
    Desk,
    routes::{Door, OwnersDoor, router, transfer, with_refusals},
};

use lines::{Greeting, serve};
use policy::WorkerPolicy;

/// Answer operators' requests about a deployment on AWS, for `tierlift --aws`.
#[derive(Debug, clap::Parser)]
#[command(name = "tierlift-aws", version)]
struct Args {
    /// The stack.
    #[arg(long, value_name = "NAME")]
    stack: String,
    /// Answer what a console asks, which neither exports, imports nor replays.
    #[arg(long)]
    console: bool,
}

/// The desk of a deployment. The table's stream brings what an act changes to the sockets.
struct AwsDoor {
    desk: Desk<Deployment>,
    connected_accounts: Vec<String>,
}

impl OwnersDoor for AwsDoor {
    fn connected_accounts(&self) -> Vec<String> {
        self.connected_accounts.clone()
    }
}

impl Door for AwsDoor {
    type Backend = Deployment;

    fn desk(&self) -> &Desk<Deployment> {
        &self.desk
    }

    async fn push(&self, _changes: &[Change]) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(tracing::Level::WARN).init();
    let sdk = Sdk::from_default_chain().await;
    let (deployment, policy, connected_accounts) =
        match Deployment::of_stack(&sdk, &args.stack).await {
            Ok(found) => found,
            Err(error) => {
                let code = match error {
                    StackError::Missing(_) => Code::StackMissing,
                    StackError::Environment(_) => Code::ConfigInvalid,
                    StackError::Unavailable(_) => Code::AwsUnavailable,
                };
                lines::write(&Greeting::Failed { code, detail: error.to_string() }).await;
                return ExitCode::FAILURE;
            }
        };
    let policy = Shared::new(policy);
    let worker_policy = WorkerPolicy::new(sdk, args.stack, policy.clone());
    let desk = Desk { backend: deployment, policy, clock: clock(), has_worker: true };
    let door = Arc::new(AwsDoor { desk, connected_accounts });
    let routes = router(Arc::clone(&door));
    // Whoever is at the console did not choose which file is read or written.
    let routes = if args.console { routes } else { routes.merge(transfer(Arc::clone(&door))) };
    lines::write(&Greeting::Ready { version: env!("CARGO_PKG_VERSION").to_owned() }).await;
    serve(with_refusals(routes), worker_policy).await;
    door.desk().backend.let_go().await;
    ExitCode::SUCCESS
}
