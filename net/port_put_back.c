/*
 * port_put_back: what the successor of a killed engine does for the machine, without being one.
 */

#include "net/eal_dir.h"
#include "net/port_kinds.h"

void port_put_back(const struct port_spec *spec, const char *runtime_dir)
{
	struct port port = {
		.options = {.spec = *spec},
		.xdp = {.lock_fd = -1, .object_fd = -1},
		.memif_lock_fd = -1,
	};
	char error[256];

	eal_dir_remove_of(runtime_dir);
	if (spec->kind == PORT_MEMIF) {
		(void)port_memif_prepare(&port, error, sizeof(error));
		port_memif_restore(&port);
	} else if (spec->kind == PORT_AF_XDP) {
		(void)port_xdp_prepare(&port, error, sizeof(error));
		port_xdp_restore(&port);
	}
	port_xdp_put_lo_back();
}
