/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel programs as bpftool's generated header embeds them; it is not written for -Wconversion. */
#ifndef FLOWGLASS_SKELETON_H
#define FLOWGLASS_SKELETON_H

#include "abi.h"
#include "maps.h"
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "flowglass.skel.h"
#pragma GCC diagnostic pop

#endif
