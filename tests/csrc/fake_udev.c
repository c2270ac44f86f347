/*
 * Replaces libudev in a private pcscd, by LD_PRELOAD: USB readers are plugged in and unplugged by making and deleting
 * files.
 *
 * The folder named by SCARDFFI_TEST_USB holds a file for each device that is plugged in. Its name is the device's
 * number N: vendor 5CAD, product N, device node /scardffi/N. Only the functions that pcscd calls are here.
 */
#define _GNU_SOURCE

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { MAX_DEVICES = 16 };

struct udev {
    char unused;
};

struct udev_device {
    const char *action;
    char name[NAME_MAX + 1], node[NAME_MAX + 16], product[5];
};

struct udev_list_entry {
    char name[4];
    struct udev_list_entry *next;
};

struct udev_enumerate {
    struct udev_list_entry entries[MAX_DEVICES];
    struct udev_list_entry *first;
};

struct udev_monitor {
    int watch;
};

static const char *folder(void)
{
    const char *name = getenv("SCARDFFI_TEST_USB");
    return name != NULL ? name : "/nonexistent";
}

static struct udev_device *device_new(const char *name, const char *action)
{
    struct udev_device *device = calloc(1, sizeof *device);
    if (device == NULL)
        return NULL;
    device->action = action;
    snprintf(device->name, sizeof device->name, "%s", name);
    snprintf(device->node, sizeof device->node, "/scardffi/%s", name);
    snprintf(device->product, sizeof device->product, "%04x", (unsigned)strtoul(name, NULL, 10) & 0xFFFFU);
    return device;
}

struct udev *udev_new(void)
{
    static struct udev udev;
    return &udev;
}

struct udev *udev_unref(struct udev *udev)
{
    (void)udev;
    return NULL;
}

/* Devices */

struct udev_device *udev_device_new_from_syspath(struct udev *udev, const char *path)
{
    (void)udev;
    return device_new(path, NULL);
}

struct udev_device *udev_device_unref(struct udev_device *device)
{
    free(device);
    return NULL;
}

/* The same object is the interface and its device. */
struct udev_device *udev_device_get_parent_with_subsystem_devtype(struct udev_device *device, const char *subsystem,
                                                                  const char *type)
{
    (void)subsystem;
    (void)type;
    return device;
}

const char *udev_device_get_action(struct udev_device *device)
{
    return device->action;
}

const char *udev_device_get_devnode(struct udev_device *device)
{
    return device->node;
}

const char *udev_device_get_sysname(struct udev_device *device)
{
    return device->name;
}

const char *udev_device_get_sysattr_value(struct udev_device *device, const char *name)
{
    if (strcmp(name, "idVendor") == 0)
        return "5cad";
    return strcmp(name, "idProduct") == 0 ? device->product : NULL;
}

/* pcscd 2.x asks if a device is to be ignored. */
const char *udev_device_get_property_value(struct udev_device *device, const char *name)
{
    (void)device;
    (void)name;
    return NULL;
}

/* Lists of devices */

struct udev_enumerate *udev_enumerate_new(struct udev *udev)
{
    (void)udev;
    return calloc(1, sizeof(struct udev_enumerate));
}

struct udev_enumerate *udev_enumerate_unref(struct udev_enumerate *enumerate)
{
    free(enumerate);
    return NULL;
}

int udev_enumerate_add_match_subsystem(struct udev_enumerate *enumerate, const char *subsystem)
{
    (void)enumerate;
    (void)subsystem;
    return 0;
}

int udev_enumerate_scan_devices(struct udev_enumerate *enumerate)
{
    struct udev_list_entry **last = &enumerate->first;
    for (unsigned number = 0; number < MAX_DEVICES; number++) {
        struct udev_list_entry *entry = &enumerate->entries[number];
        char path[PATH_MAX];
        snprintf(entry->name, sizeof entry->name, "%u", number);
        snprintf(path, sizeof path, "%s/%s", folder(), entry->name);
        if (access(path, F_OK) != 0)
            continue;
        *last = entry;
        last = &entry->next;
    }
    return 0;
}

struct udev_list_entry *udev_enumerate_get_list_entry(struct udev_enumerate *enumerate)
{
    return enumerate->first;
}

struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *entry)
{
    return entry->next;
}

const char *udev_list_entry_get_name(struct udev_list_entry *entry)
{
    return entry->name;
}

/* Events */

struct udev_monitor *udev_monitor_new_from_netlink(struct udev *udev, const char *name)
{
    (void)udev;
    (void)name;
    struct udev_monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor != NULL)
        monitor->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return monitor;
}

int udev_monitor_filter_add_match_subsystem_devtype(struct udev_monitor *monitor, const char *subsystem,
                                                    const char *type)
{
    (void)monitor;
    (void)subsystem;
    (void)type;
    return 0;
}

int udev_monitor_enable_receiving(struct udev_monitor *monitor)
{
    return inotify_add_watch(monitor->watch, folder(), IN_CREATE | IN_DELETE) < 0 ? -1 : 0;
}

int udev_monitor_get_fd(struct udev_monitor *monitor)
{
    return monitor->watch;
}

struct udev_monitor *udev_monitor_unref(struct udev_monitor *monitor)
{
    close(monitor->watch);
    free(monitor);
    return NULL;
}

/* pcscd calls this once each time the descriptor is readable, so read only one event. */
struct udev_device *udev_monitor_receive_device(struct udev_monitor *monitor)
{
    union {
        struct inotify_event event;
        char room[sizeof(struct inotify_event) + 16]; /* for a name of up to 15 characters */
    } buffer;
    if (read(monitor->watch, &buffer, sizeof buffer) < (ssize_t)sizeof buffer.event)
        return NULL;
    return device_new(buffer.event.name, buffer.event.mask & IN_CREATE ? "add" : "remove");
}
