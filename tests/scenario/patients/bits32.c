/* build: gcc -m32 -nostdlib -static -ffreestanding -fno-pic -no-pie -fno-stack-protector */
/*
 * bits32.c - a 32-bit program without a library that waits in the system call of which its first
 * argument says the name: numbers as in arch/x86/entry/syscalls/syscall_32.tbl.
 */
enum { NR_EXIT = 1, NR_READ = 3, NR_POLL = 168, NR_FUTEX = 240 };

struct pollfd {
	int fd;
	short events, revents;
};

static int call(int nr, long a, long b, long c, long d)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
	return result;
}

static int word;

static void __attribute__((used)) wait_in(const char *name)
{
	struct pollfd poll = { .fd = 0, .events = 1 };
	char byte;

	switch (name[0] + name[1]) {
	case 'r' + 'e':
		call(NR_READ, 0, (long)&byte, 1, 0);
		break;
	case 'p' + 'o':
		call(NR_POLL, (long)&poll, 1, -1, 0);
		break;
	case 'f' + 'u':
		call(NR_FUTEX, (long)&word, 0, 0, 0);
	}
	call(NR_EXIT, 0, 0, 0, 0);
}

/* i386 psABI: the stack holds the number of arguments, then their addresses. */
__asm__(".globl _start\n"
	"_start:\n"
	"	mov 8(%esp), %eax\n"
	"	push %eax\n"
	"	call wait_in\n"
	"	hlt\n");
