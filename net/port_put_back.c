/*
 * port_put_back: puts the machine back as the successor of a killed engine would.
 */

#include "engine/base/error.h"
#include "net/eal_dir.h"
#include "net/port_kinds.h"

void port_put_back(const struct port_spec *spec, const char *runtime_dir)
{
	const struct port_ops *ops = port_ops_of(spec->kind);
	struct port port = {
		.options = {.spec = *spec},
		.xdp = {.lock_fd = -1, .object_fd = -1},
		.memif_lock_fd = -1,
	};
	struct error error;

	eal_dir_remove_of(runtime_dir);
	/* lo is put back below, whatever the port was. */
	if (spec->kind != PORT_LO) {
		(void)ops->prepare(&port, &error);
		ops->restore(&port);
	}
	port_xdp_put_lo_back();
}
