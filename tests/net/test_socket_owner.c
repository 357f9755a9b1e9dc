#include "net/socket_owner.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static uint64_t inode_of(int fd)
{
	struct stat info;

	cr_assert(eq(int, fstat(fd, &info), 0));
	return info.st_ino;
}

Test(socket_owner, finds_the_process_that_has_it)
{
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	const uint64_t inode = inode_of(fd);
	struct socket_owner owner = {0};
	char comm[32] = "";
	FILE *file = fopen("/proc/self/comm", "r");

	cr_assert(ne(ptr, file, NULL));
	cr_assert(fscanf(file, "%31[^\n]", comm) == 1);
	fclose(file);
	cr_assert(socket_owner_find(inode, &owner));
	cr_assert(eq(int, owner.pid, getpid()));
	cr_assert(eq(str, (char *)owner.name, comm));
	close(fd);
	cr_assert(not(socket_owner_find(inode, &owner)));
}

Test(socket_owner, finds_another_process)
{
	int ready[2];
	int end[2];
	uint64_t inode = 0;
	struct socket_owner owner = {0};
	pid_t child;

	cr_assert(all(eq(int, pipe(ready), 0), eq(int, pipe(end), 0)));
	child = fork();
	if (child == 0) {
		char byte;

		inode = inode_of(socket(AF_INET6, SOCK_DGRAM, 0));
		close(end[1]);
		(void)!write(ready[1], &inode, sizeof(inode));
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	cr_assert(eq(long, read(ready[0], &inode, sizeof(inode)), (long)sizeof(inode)));
	cr_assert(socket_owner_find(inode, &owner));
	cr_assert(eq(int, owner.pid, child));
	close(end[1]);
	waitpid(child, NULL, 0);
}
