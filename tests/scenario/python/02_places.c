/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interpreters that are not where their names say, or have no names: snag must see each frame as
 * the program itself does, whatever has become of the file since.
 */
#include "lib/common_python.h"
#include "lib/python_calls.h"
#include "lib/scenario_python.h"

#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* How an interpreter is started. */
struct place {
	const char *python, *program;
	const char *home;		/* where its library is, or NULL */
	const char *libraries;		/* LD_LIBRARY_PATH, or NULL */
	void (*enter)(const char *dir); /* first, or NULL */
};

static const char *write_to(const char *path, const char *content)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(content, f) < 0 || fclose(f))
		scenario_die("%s: %m", path);
	return path;
}

static void run(void *arg)
{
	const struct place *p = arg;
	const char *dir = scenario_dir();
	int out = (int)must(open(text("%s/said.%d", dir, getpid()), O_WRONLY | O_CREAT, 0600));

	must(dup2(out, STDOUT_FILENO));
	close(out);
	if (p->enter)
		p->enter(dir);
	if (p->home)
		must(setenv("PYTHONHOME", p->home, 1));
	if (p->libraries)
		must(setenv("LD_LIBRARY_PATH", p->libraries, 1));
	must(execl(p->python, p->python, p->program, (char *)NULL));
}

static void command(const char *line)
{
	if (system(line) != 0)
		scenario_die("failed: %s", line);
}

/* The program has said what it runs; snag is asked after `then` has been done to its files. */
static void same_as_it_says(struct place *p, void (*then)(void))
{
	if (!p->program)
		p->program = write_to(text("%s/program.py", scenario_dir()), python_calls);
	pid_t pid = spawn_child(run, p);

	python_said(pid);
	truth_python(pid);
	truth_root(pid);
	truth_blocked(pid, 0);
	truth_verdict("deadlock", NULL);
	truth_says("in read < <module> (program.py:");
	if (then)
		then();
	truth_ready();
	waitpid(pid, NULL, 0);
}

/* The real file of the first interpreter, and where its library is: "/usr" of "/usr/bin/x". */
static struct place first(void)
{
	char *path = realpath(python_path(0), NULL), *home = path ? strdup(path) : NULL;

	if (!home)
		scenario_die("%s: %m", python_path(0));
	for (int i = 0; i < 2 && strrchr(home, '/'); i++)
		*strrchr(home, '/') = '\0';
	return (struct place){ .python = path, .home = home };
}

/* A copy of the interpreter in the folder of the scenario. */
static struct place copied(void)
{
	struct place p = first();
	const char *copy = text("%s/python3", scenario_dir());

	command(text("cp %s %s", p.python, copy));
	p.python = copy;
	return p;
}

SCENARIO(interpreter_stripped, .needs = "python,strip", .options = "--stacks",
	 .what = "an interpreter without symbols but those of the linker")
{
	struct place p = copied();

	command(text("strip --strip-all %s", p.python));
	same_as_it_says(&p, NULL);
}

static void delete_copy(void)
{
	must(unlink(text("%s/python3", scenario_dir())));
}

SCENARIO(interpreter_deleted, .needs = "python", .options = "--stacks",
	 .what = "the file of an interpreter was deleted")
{
	struct place p = copied();

	same_as_it_says(&p, delete_copy);
}

/* As a package manager does: another file has its name. */
static void upgrade_copy(void)
{
	const char *dir = scenario_dir();

	command(text("cp /bin/true %s/new && mv %s/new %s/python3", dir, dir, dir));
}

SCENARIO(interpreter_upgraded, .needs = "python", .options = "--stacks",
	 .what = "the file of an interpreter was replaced by another one")
{
	struct place p = copied();

	same_as_it_says(&p, upgrade_copy);
}

/* ---- a library ------------------------------------------------------------------------------- */

/*
 * A program of three lines in a library's interpreter: Debian's with its packages for developers,
 * or one of pyenv. The library is a copy, in the folder of the scenario.
 */
static struct place embedded(void)
{
	static const char source[] = "int Py_BytesMain(int argc, char **argv);\n"
				     "int main(int argc, char **argv)\n"
				     "{ return Py_BytesMain(argc, argv); }\n";
	const char *dir = scenario_dir();
	struct place p = first();
	const char *home = getenv("HOME"), *library;
	glob_t found;

	glob("/usr/lib/x86_64-linux-gnu/libpython3.[0-9]*[0-9].so.1.0", 0, NULL, &found);
	glob(text("%s/.pyenv/versions/3.*/lib/libpython3.*[0-9].so.1.0", home ? home : ""),
	     GLOB_APPEND, NULL, &found);
	if (!found.gl_pathc)
		scenario_skip("libpython", "there is none");
	library = found.gl_pathv[0];
	if (strstr(library, "/.pyenv/"))
		p.home = text("%.*s", (int)(strstr(library, "/lib/libpython") - library), library);
	write_to(text("%s/embeds.c", dir), source);
	command(text("cp %s %s/", library, dir));
	command(text("cc -o %s/embeds %s/embeds.c %s", dir, dir, library));
	p.python = text("%s/embeds", dir);
	p.libraries = dir;
	return p;
}

SCENARIO(interpreter_shared, .needs = "python,cc", .options = "--stacks",
	 .what = "an interpreter in a library, below a program of another name")
{
	struct place p = embedded();

	same_as_it_says(&p, NULL);
}

static void upgrade_library(void)
{
	const char *dir = scenario_dir();

	command(text("cp /bin/true %s/new && for f in %s/libpython*; do mv %s/new $f; done", dir,
		     dir, dir));
}

SCENARIO(library_upgraded, .needs = "python,cc", .options = "--stacks",
	 .what = "the library of an interpreter was replaced by another file")
{
	struct place p = embedded();

	same_as_it_says(&p, upgrade_library);
}

/* Nobody outside sees the file system that the interpreter and the program are on. */
static void enter_namespace(const char *dir)
{
	must(unshare(CLONE_NEWNS));
	must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mkdir(text("%s/hidden", dir), 0755));
	must(mount("none", text("%s/hidden", dir), "tmpfs", 0, NULL));
	command(text("cp %s/python3 %s/hidden/", dir, dir));
	write_to(text("%s/hidden/program.py", dir), python_calls);
}

SCENARIO(interpreter_in_namespace, .needs = "python,root", .options = "--stacks",
	 .what = "an interpreter and its program in another mount namespace")
{
	struct place p = copied();
	const char *dir = scenario_dir();

	p.python = text("%s/hidden/python3", dir);
	p.program = text("%s/hidden/program.py", dir);
	p.enter = enter_namespace;
	same_as_it_says(&p, NULL);
}

/* ---- a chroot -------------------------------------------------------------------------------- */

/* What the program imports, and the libraries of that, below `root`; no /proc is there. */
static void furnish(const char *root, struct place p, uint32_t minor)
{
	command(text("mkdir -p %s/h/bin %s/dev && : > %s/dev/null && cp %s %s/h/bin/python3", root,
		     root, root, p.python, root));
	command(text("cd %s/lib/python3.%u && mkdir -p %s/h/lib/python3.%u && "
		     "cp -rL *.py $(ls -d encodings collections ctypes importlib re lib-dynload "
		     "2>/dev/null) %s/h/lib/python3.%u/",
		     p.home, minor, root, minor, root, minor));
	command(text("ldd %s %s/lib/python3.%u/lib-dynload/_ctypes.*.so | grep -o '/[^ ]*[^ :]' | "
		     "grep '\\.so' | sort -u | xargs cp -L --parents -t %s",
		     p.python, p.home, minor, root));
}

static void enter_chroot(const char *dir)
{
	int proc = (int)must(open("/proc", O_RDONLY | O_DIRECTORY));

	must(setenv("PROC", text("%d", proc), 1));
	must(chroot(text("%s/root", dir)));
	must(chdir("/"));
}

SCENARIO(interpreter_in_chroot, .needs = "python,root", .options = "--stacks",
	 .what = "an interpreter, its library and its program in a chroot without /proc")
{
	const char *root = text("%s/root", scenario_dir());
	struct place p = first();
	uint32_t minor;

	(void)interpreter_find(0, &minor);
	furnish(root, p, minor);
	write_to(text("%s/program.py", root), python_calls);
	p.python = "/h/bin/python3";
	p.home = "/h";
	p.program = "/program.py";
	p.enter = enter_chroot;
	same_as_it_says(&p, NULL);
}

/* ---- source that is not what runs ------------------------------------------------------------ */

static void change_program(void)
{
	write_to(text("%s/program.py", scenario_dir()), "print('something else')\n");
}

SCENARIO(program_changed, .needs = "python",
	 .what = "the file of a program was changed while it runs")
{
	struct place p = first();

	truth_says("changed since its process began");
	same_as_it_says(&p, change_program);
}
