/*
 * port_kinds: what differs between ports, for port.c only. Contracts as the port_ functions of the
 * same names in port.h.
 */
#ifndef DB_NET_PORT_KINDS_H
#define DB_NET_PORT_KINDS_H

#include "net/port.h"

enum {
	DEVICE_ARGS_BYTES = 256,
	/* A lock held by an engine that is being killed is asked for again so often, 10 ms apart: a
	 * zombie that nobody reaps must not keep a start waiting for ever. */
	LOCK_TRIES_MAX = 3000,
};

int port_xdp_check(const struct port_options *options, char *error, size_t error_bytes);
int port_xdp_prepare(struct port *port, char *error, size_t error_bytes);
/* The arguments of the one device, of DEVICE_ARGS_BYTES. */
void port_xdp_device(const struct port *port, char *args);
int port_xdp_take(const struct port *port, uint32_t first, uint32_t cnt);
uint64_t port_xdp_oversized(const struct port *port);
void port_xdp_restore(struct port *port);

/* Our XDP program, an ELF object (port_xdp_object.S). */
extern const uint8_t port_xdp_object[];
extern const uint32_t port_xdp_object_bytes;

/* Sysctls of lo: set for us, and put back. After the interface's lock is ours. */
int port_lo_prepare(char *error, size_t error_bytes);
void port_lo_restore(void);

int port_memif_check(const struct port_options *options, char *error, size_t error_bytes);
int port_memif_prepare(struct port *port, char *error, size_t error_bytes);
/* The arguments of device i, of DEVICE_ARGS_BYTES; one a queue. */
void port_memif_device(const struct port *port, uint16_t i, char *args);
void port_memif_restore(struct port *port);

#endif
