/* The XDP program, embedded: the server needs no file beside itself. OBJECT comes from the Makefile. */
	.section .rodata
	.global port_xdp_object
	.global port_xdp_object_end
	.balign 8
port_xdp_object:
	.incbin OBJECT
port_xdp_object_end:
	.section .note.GNU-stack, "", @progbits
