/* The XDP program, embedded: the server needs no file beside itself. The Makefile says OBJECT. */
	.section .rodata
	.global port_xdp_object
	.global port_xdp_object_bytes
	.balign 8
port_xdp_object:
	.incbin OBJECT
1:
	.balign 4
port_xdp_object_bytes:
	.long 1b - port_xdp_object
	.section .note.GNU-stack, "", @progbits
