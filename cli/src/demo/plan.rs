//! The plan that the demo sells.

use tierlift_core::policy::{PlanConfig, PolicyConfig};

const DEFAULT_PRICE: &str = "price_pro";
const DEFAULT_ROLE: &str = "paid";
const DEFAULT_FEATURE: &str = "export";

/// The plan that the demo sells: a price and the role that it earns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DemoPlan {
    pub(super) price: String,
    pub(super) role: String,
}

impl DemoPlan {
    /// Chooses the plan with the highest role. Without any plan, adds one for `price_pro`; without any
    /// feature, gives the plan's role one.
    pub(crate) fn choose(config: &mut PolicyConfig) -> Result<Self, &'static str> {
        if config.plans.is_empty() {
            let default = config.roles.iter().find(|role| *role == DEFAULT_ROLE);
            let role = default.or(config.roles.last()).cloned().unwrap_or_default();
            config.plans.push(PlanConfig::new(DEFAULT_PRICE, &role));
        }
        let rank = |role: &String| config.roles.iter().position(|known| known == role);
        // The demo sells subscriptions, and a plan for some days is for purchases.
        let plans = config.plans.iter().filter(|plan| plan.days.is_none());
        let best = plans.max_by_key(|plan| rank(&plan.role));
        let plan = best.map(|plan| Self { price: plan.key.clone(), role: plan.role.clone() });
        let plan = plan.filter(|plan| rank(&plan.role) > Some(0)).ok_or(
            "a demo needs a plan that earns more than the lowest role; see roles and [plans] in the \
             configuration",
        )?;
        if config.features.is_empty() {
            config.features.push((plan.role.clone(), vec![DEFAULT_FEATURE.to_owned()]));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(roles: &[&str], plans: &[(&str, &str)]) -> Result<(String, String), &'static str> {
        let mut config = PolicyConfig {
            roles: roles.iter().map(ToString::to_string).collect(),
            plans: plans.iter().map(|(plan, role)| PlanConfig::new(plan, role)).collect(),
            ..PolicyConfig::default()
        };
        let plan = DemoPlan::choose(&mut config)?;
        assert!(config.plans.contains(&PlanConfig::new(&plan.price, &plan.role)));
        assert_eq!(config.features.len(), 1);
        Ok((plan.price, plan.role))
    }

    #[test]
    fn the_demo_sells_the_plan_with_the_highest_role() {
        let chosen = |roles: &[&str], plans: &[(&str, &str)]| choose(roles, plans).unwrap();
        let pair = |price: &str, role: &str| (price.to_owned(), role.to_owned());
        assert_eq!(chosen(&["free", "paid"], &[]), pair("price_pro", "paid"));
        assert_eq!(chosen(&["free", "paid", "pro"], &[]), pair("price_pro", "paid"));
        assert_eq!(chosen(&["a", "b"], &[]), pair("price_pro", "b"));
        assert_eq!(chosen(&["a", "b", "c"], &[("x", "c"), ("y", "b")]), pair("x", "c"));
        assert!(choose(&["free"], &[]).is_err());
        assert!(choose(&["free", "paid"], &[("x", "free")]).is_err());
    }
}
