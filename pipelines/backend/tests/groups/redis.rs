//! What only the Redis log can show: other programs in the stream, a Redis that forgets, stalls
//! or dies, and trimming.
