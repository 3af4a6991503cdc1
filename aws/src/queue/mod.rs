//! The queue on SQS FIFO.
