//! The store on DynamoDB, in one table.
