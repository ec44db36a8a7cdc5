/* SPDX-License-Identifier: MIT */
/* The end of a list of counter rows. Meant to be included again. */
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
