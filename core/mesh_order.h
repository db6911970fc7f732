/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * mesh_order - the memory orders behind the bells
 *
 * The sender publishes and then looks at the flag; the receiver raises the flag and then looks at what
 * is published. Each needs its store to come before its load: a fence. ThreadSanitizer does not know
 * fences, so under it all four accesses are sequentially consistent instead.
 *
 * Threads  Everything here is pure. For lane.c and mesh.c alone.
 */

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__)
#define MESH_IS_FENCELESS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MESH_IS_FENCELESS 1
#endif
#endif

#ifdef MESH_IS_FENCELESS
#define MESH_ORDER_PUBLISH memory_order_seq_cst
#define MESH_ORDER_LOOK memory_order_seq_cst
#define MESH_ORDER_FLAG memory_order_seq_cst
#define mesh_order_fence() ((void)0)
#else
#define MESH_ORDER_PUBLISH memory_order_release
#define MESH_ORDER_LOOK memory_order_acquire
#define MESH_ORDER_FLAG memory_order_relaxed
#define mesh_order_fence() atomic_thread_fence(memory_order_seq_cst)
#endif
