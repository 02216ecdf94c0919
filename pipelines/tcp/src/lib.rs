//! The floor: a length-prefixed TCP echo.
