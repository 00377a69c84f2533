// A stand-in for libvulkan.so.1, before the real one in the loader's path. RADV can compile for a graphics card that is
// not there (AMD_FORCE_FAMILY), but it cannot record or submit commands, which Dawn does when it opens a device. So
// these calls do nothing here and succeed; everything else goes to the real library, REAL_LIBRARY.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *, const char *);

static Lookup of_instance, of_device;

static int succeed(void) { return 0; }

static int does_nothing(const char *name) {
  static const char *const names[] = {"vkBeginCommandBuffer", "vkEndCommandBuffer", "vkWaitForFences",
                                      "vkGetFenceStatus",     "vkResetFences",      "vkQueueWaitIdle",
                                      "vkDeviceWaitIdle"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i])) return 1;
  return !strncmp(name, "vkCmd", 5) || !strncmp(name, "vkQueueSubmit", 13);
}

static Function device_function(void *device, const char *name) {
  return does_nothing(name) ? (Function)succeed : of_device(device, name);
}

Function vkGetInstanceProcAddr(void *instance, const char *name) {
  if (!of_instance) {
    void *library = dlopen(REAL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (library) of_instance = (Lookup)dlsym(library, "vkGetInstanceProcAddr");
    if (!of_instance) return NULL;
  }
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (Function)vkGetInstanceProcAddr;
  if (!strcmp(name, "vkGetDeviceProcAddr")) {
    of_device = (Lookup)of_instance(instance, name);
    return (Function)device_function;
  }
  return does_nothing(name) ? (Function)succeed : of_instance(instance, name);
}
