//! Who is asking, and what may they do: session routes and the guard.
