// Counts the instructions that an emulated program runs, and writes the number to standard error when it ends. A plugin of QEMU, by its interface of
// version 1, which is declared here because Debian does not ship its header.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t Plugin;
struct qemu_plugin_tb;
enum { INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(Plugin, void (*)(Plugin, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb*, int, void*, uint64_t);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
void qemu_plugin_register_atexit_cb(Plugin, void (*)(Plugin, void*), void*);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

// Not atomic: what is counted has one thread.
static uint64_t count;

static void translated(Plugin plugin, struct qemu_plugin_tb* block) {
  (void)plugin;
  qemu_plugin_register_vcpu_tb_exec_inline(block, INLINE_ADD_U64, &count, qemu_plugin_tb_n_insns(block));
}

static void ended(Plugin plugin, void* data) {
  (void)plugin;
  (void)data;
  fprintf(stderr, "instructions %llu\n", (unsigned long long)count);
}

__attribute__((visibility("default"))) int qemu_plugin_install(Plugin plugin, const void* info, int argc, char** argv) {
  (void)info;
  (void)argc;
  (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
  qemu_plugin_register_atexit_cb(plugin, ended, NULL);
  return 0;
}
