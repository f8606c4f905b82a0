/* SPDX-License-Identifier: BSD-2-Clause */
/* test_wire_toml.c - the reader of TOML, and the table of endpoints. */
#include "runtime/wire/buf.h"
#include "runtime/wire/endpoints.h"
#include "runtime/wire/toml.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(wire_toml, .init = help_begin, .fini = help_end);
TestSuite(wire_endpoints, .init = help_begin, .fini = help_end);

/* All items of `text` as one line each: "line path[index]=value". */
static char *items(const char *text, size_t size, int *rc, struct grove_error *err)
{
	/* A copy without anything behind it: a byte read too far is seen by the sanitizer. */
	_grove_free_ char *copy = grove_alloc(size + !size, 1);
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	struct grove_toml_item item;

	memcpy(copy, text, size);
	_grove_toml_ struct grove_toml *toml = grove_toml_new("t", copy, size);
	while ((*rc = grove_toml_next(toml, &item, err)) > 0) {
		char value[200] = "", place[32] = "";

		if (item.kind == GROVE_TOML_STR)
			snprintf(value, sizeof(value), "=%s", item.text);
		else if (item.kind == GROVE_TOML_INT)
			snprintf(value, sizeof(value), "=%lld", (long long)item.number);
		else if (item.kind == GROVE_TOML_BOOL)
			snprintf(value, sizeof(value), "=%s", item.truth ? "yes" : "no");
		else
			strcpy(value, item.kind == GROVE_TOML_EMPTY ? "=[]" : ":");
		if (item.in_array)
			snprintf(place, sizeof(place), "[%zu]", item.index);
		_grove_free_ char *line = grove_format("%u ", item.line);
		grove_buf_add(&out, line, strlen(line));
		for (size_t i = 0; i < item.depth; i++) {
			grove_buf_add(&out, "/", i > 0);
			grove_buf_add(&out, item.path[i], strlen(item.path[i]));
		}
		grove_buf_add(&out, place, strlen(place));
		grove_buf_add(&out, value, strlen(value));
		grove_buf_add(&out, "\n", 1);
	}
	grove_buf_add(&out, "", 1);
	return grove_strdup(grove_buf_data(&out));
}

static void expect(const char *text, const char *expected)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc;
	_grove_free_ char *found = items(text, strlen(text), &rc, &err);

	cr_expect_eq(rc, 0, "%s: %s", text, err.text);
	cr_expect_str_eq(found, expected, "%s\n%s", text, found);
}

static void expect_wrong(const char *text, const char *why)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc;
	_grove_free_ char *found = items(text, strlen(text), &rc, &err);

	cr_expect_eq(rc, -EBADMSG, "%s", text);
	cr_expect_str_eq(err.text, why, "%s: %s", text, err.text);
}

Test(wire_toml, what_is_read)
{
	expect("", "");
	expect("\n# only this", "");
	expect("a = 1", "1 a=1\n");
	expect("a=1\r\nb = 2 # c\r\n", "1 a=1\n2 b=2\n");
	expect("[t]\n[ t . u ] # x\nk = 'v'\n", "1 t:\n2 t/u:\n3 t/u/k=v\n");
	expect("[actor.\"a b\".'c.d']\n\t\"k\\u00e4\" = \"v\"",
	       "1 actor/a b/c.d:\n2 actor/a b/c.d/k\xc3\xa4=v\n");
	expect("a.b.c = 1\na.b.d = 2\n[x]\ny.z = 3\n", "1 a/b/c=1\n2 a/b/d=2\n3 x:\n4 x/y/z=3\n");
}

Test(wire_toml, strings)
{
	expect("a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "1 a=\b\t\n\f\r\"\\\n");
	expect("a = \"\\u0041\\U0001F600\\u00e4\\u20AC\"",
	       "1 a=A\xf0\x9f\x98\x80\xc3\xa4\xe2\x82\xac\n");
	expect("a = 'C:\\n \"x\" # no'", "1 a=C:\\n \"x\" # no\n");
	expect("a = ''\nb = \"\"", "1 a=\n2 b=\n");
	expect("a = \"\xf0\x9f\x98\x80\t\"", "1 a=\xf0\x9f\x98\x80\t\n");
	expect_wrong("a = \"\\x41\"", "t:1: an unknown escape in a string");
	expect_wrong("a = \"\\", "t:1: an unknown escape in a string");
	expect_wrong("a = \"\\u12g4\"", "t:1: \\u without 4 digits");
	expect_wrong("a = \"\\u12", "t:1: \\u without 4 digits");
	expect_wrong("a = \"\\U0000004\"", "t:1: \\u without 8 digits");
	expect_wrong("a = \"\\ud800\"", "t:1: \\u of no character");
	expect_wrong("a = \"\\U00110000\"", "t:1: \\u of no character");
	expect_wrong("a = \"\\u0000\"", "t:1: \\u of no character");
	expect_wrong("\na = \"x\n\"", "t:2: a string without its end");
	expect_wrong("a = 'x", "t:1: a string without its end");
	expect_wrong("a = \"x\\\"", "t:1: a string without its end");
	expect_wrong("a = \"\"\"x\"\"\"", "t:1: strings of several lines are not read");
	expect_wrong("a = '''x'''", "t:1: strings of several lines are not read");
}

Test(wire_toml, numbers_and_truth)
{
	expect("a = true\nb = false", "1 a=yes\n2 b=no\n");
	expect("a = [0, +1, -1, 1_000, 0xDEAD_beef, 0o17, 0b101, -0, +0]",
	       "1 a[0]=0\n1 a[1]=1\n1 a[2]=-1\n1 a[3]=1000\n1 a[4]=3735928559\n"
	       "1 a[5]=15\n1 a[6]=5\n1 a[7]=0\n1 a[8]=0\n");
	expect("a = 9223372036854775807\nb = -9223372036854775808",
	       "1 a=9223372036854775807\n2 b=-9223372036854775808\n");
	for (const char **word = (const char *[]){ "9223372036854775808",
						   "-9223372036854775809",
						   "99999999999999999999999",
						   "01",
						   "+01",
						   "1__0",
						   "_1",
						   "1_",
						   "0x",
						   "0xg",
						   "+0x1",
						   "0o8",
						   "0b2",
						   "0d1",
						   "1.5",
						   "1e3",
						   "inf",
						   "nan",
						   "1979-05-27",
						   "True",
						   "TRUE",
						   "truefalse",
						   "-",
						   "+",
						   "--1",
						   "x",
						   NULL };
	     *word; word++) {
		char text[64], why[120];

		snprintf(text, sizeof(text), "\na = %s", *word);
		snprintf(why, sizeof(why), "t:2: '%s' is no value (floats and dates are not read)",
			 *word);
		expect_wrong(text, why);
	}
}

Test(wire_toml, arrays)
{
	expect("a = []\nb = [ ]", "1 a[0]=[]\n2 b[0]=[]\n");
	expect("a = [\n]", "2 a[0]=[]\n");
	expect("a = ['x','y',]\nb = 1", "1 a[0]=x\n1 a[1]=y\n2 b=1\n");
	expect("a = [ # one\n 'x' # two\n , # three\n\n \"y\"\n, # four\n] # five\nb = 1",
	       "2 a[0]=x\n5 a[1]=y\n8 b=1\n");
	expect_wrong("a = [1 2]", "t:1: a comma or the end of the array is expected here");
	expect_wrong("a = [1,\n\n,2]", "t:3: a value is expected here");
	expect_wrong("a = [,]", "t:1: a value is expected here");
	expect_wrong("a = [", "t:1: an array without its end");
	expect_wrong("a = [1", "t:1: a comma or the end of the array is expected here");
	expect_wrong("a = [1,\n", "t:2: an array without its end");
	expect_wrong("a = [[1]]", "t:1: arrays in arrays are not read");
	expect_wrong("a = [{}]", "t:1: inline tables are not read");
	expect_wrong("a = [1] 2", "t:1: something follows an array");
}

Test(wire_toml, lines_that_are_wrong)
{
	expect_wrong("= 1", "t:1: a key is expected here");
	expect_wrong("a. = 1", "t:1: a key is expected here");
	expect_wrong("\xc3\xa4 = 1", "t:1: a key is expected here");
	expect_wrong("a", "t:1: = is expected after a key");
	expect_wrong("a b = 1", "t:1: = is expected after a key");
	expect_wrong("a =", "t:1: a value is expected here");
	expect_wrong("a = # x", "t:1: a value is expected here");
	expect_wrong("a = 1 b = 2", "t:1: something follows a value");
	expect_wrong("a = 'x' y", "t:1: something follows a value");
	expect_wrong("a = {}", "t:1: inline tables are not read");
	expect_wrong("[]", "t:1: a key is expected here");
	expect_wrong("[a", "t:1: a header without its ]");
	expect_wrong("[a b]", "t:1: a header without its ]");
	expect_wrong("[a] b", "t:1: something follows a header");
	expect_wrong("[[a]]", "t:1: arrays of tables are not read");
	expect_wrong("a.b.c.d.e.f.g.h.i = 1", "t:1: more than 8 keys in a row");
	expect_wrong("[a.b.c.d.e.f.g.h]\ni = 1", "t:2: more than 8 keys in a row");
	expect_wrong("# \x01", "t:1: a control character 0x01");
	expect_wrong("\n\n'\x7f' = 1", "t:3: a control character 0x7f");
	expect_wrong("a = 1\rb = 2", "t:1: a carriage return without a newline");
	expect_wrong("a = 1\r", "t:1: a carriage return without a newline");
}

Test(wire_toml, nothing_twice)
{
	expect("[a.b]\n[a]\n[a.c]\n", "1 a/b:\n2 a:\n3 a/c:\n");
	expect("[a]\nb.c = 1\n[a.d]\nb.c = 1\n", "1 a:\n2 a/b/c=1\n3 a/d:\n4 a/d/b/c=1\n");
	expect("a.x = 1\n[a.b]\n", "1 a/x=1\n2 a/b:\n");
	expect("1a = 1\n[1]\na = 2\n['1:a']", "1 1a=1\n2 1:\n3 1/a=2\n4 1:a:\n");
	expect_wrong("a = 1\na = 2", "t:2: 'a' is there twice");
	expect_wrong("a = 1\n\"\\u0061\" = 2", "t:2: 'a' is there twice");
	expect_wrong("[a]\n[b]\n[a]", "t:3: 'a' is there twice");
	expect_wrong("a = 1\n[a]", "t:2: 'a' is there twice");
	expect_wrong("a = 1\n[a.b]", "t:2: 'a' is a value already");
	expect_wrong("a = 1\na.b = 2", "t:2: 'a' is a value already");
	expect_wrong("a.b = 1\na = 2", "t:2: 'a' is there twice");
	expect_wrong("[a.b]\n[a]\nb = 1", "t:3: 'b' is there twice");
	expect_wrong("[a]\nb.c = 1\n[a.b]", "t:3: 'b' is there twice");
	expect_wrong("[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "t:4: 'c' is a table already");
}

Test(wire_toml, bytes_that_are_no_text)
{
	static const char *const bad[] = { "80",     "bf",	 "c0",	     "c1",	 "c2",
					   "c241",   "e0",	 "e080bf",   "e09fbf",	 "eda080",
					   "edbfbf", "f0808080", "f08fbfbf", "f4908080", "f5808080",
					   "ff",     "e282",	 "f09f98" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		char text[16] = "#", *at = text + 1;
		int rc;

		for (const char *p = bad[i]; *p; p += 2)
			cr_assert_eq(sscanf(p, "%2hhx", at++), 1);
		_grove_free_ char *found = items(text, (size_t)(at - text), &rc, &err);
		cr_expect_eq(rc, -EBADMSG, "%s", bad[i]);
		cr_expect(strstr(err.text, "that is no UTF-8"), "%s: %s", bad[i], err.text);
	}
	expect("#\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf"
	       "\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	       "");
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc;
	_grove_free_ char *found = items("a = 1\0", 6, &rc, &err);
	cr_assert_eq(rc, -EBADMSG);
	cr_assert_str_eq(err.text, "t:1: a control character 0x00");
}

Test(wire_toml, limits)
{
	_grove_buf_ struct grove_buf text = GROVE_BUF_INIT;
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc;

	for (int i = 0; i <= GROVE_TOML_KEYS; i++) {
		_grove_free_ char *line = grove_format("k%d = 1\n", i);

		grove_buf_add(&text, line, strlen(line));
	}
	_grove_free_ char *many = items(grove_buf_data(&text), grove_buf_size(&text), &rc, &err);
	cr_assert_eq(rc, -EBADMSG);
	cr_assert_str_eq(err.text, "t:4097: more than 4096 keys");
	grove_buf_cut(&text, 0);
	memset(grove_buf_reserve(&text, GROVE_TOML_BYTES + 1), '\n', GROVE_TOML_BYTES + 1);
	grove_buf_grow(&text, GROVE_TOML_BYTES);
	_grove_free_ char *most = items(grove_buf_data(&text), GROVE_TOML_BYTES, &rc, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
	grove_buf_grow(&text, 1);
	_grove_free_ char *more = items(grove_buf_data(&text), GROVE_TOML_BYTES + 1, &rc, &err);
	cr_assert_eq(rc, -EBADMSG);
	cr_assert_str_eq(err.text, "t: more than 262144 bytes");
}

Test(wire_toml, after_an_error_nothing_follows)
{
	_grove_toml_ struct grove_toml *toml = grove_toml_new("t", "!\na = 1\n", 8);
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_toml_item item = { .line = 77 };

	for (int i = 0; i < 3; i++)
		cr_assert_eq(grove_toml_next(toml, &item, &err), -EBADMSG);
	cr_assert_eq(item.line, 77);
}

Test(wire_toml, random_changes_are_items_or_an_error)
{
	static const char text[] = "# t\n[registrar]\n"
				   "bind = [\"/unix/@r\", 'x', ]\n[actor.\"w\\u0041\"]\n"
				   "bind = 'y'\nn.m = -1_0\nt = [true, 1_0]\r\n";
	static const char pool[] = "[]\"'=.,#\n\r\\u0x_-ab1 {}\xc3\xa4";
	unsigned int seed = 5;
	size_t fine = 0, wrong = 0;

	for (int round = 0; round < 20000; round++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		char copy[sizeof(text)];
		size_t size = sizeof(text) - 1 - (round % 2 ? (size_t)rand_r(&seed) % 20 : 0);
		int rc;

		memcpy(copy, text, sizeof(text));
		for (int i = rand_r(&seed) % 4; i > 0; i--)
			copy[(size_t)rand_r(&seed) % size] =
				pool[(size_t)rand_r(&seed) % (sizeof(pool) - 1)];
		_grove_free_ char *found = items(copy, size, &rc, &err);
		cr_assert(rc == 0 || (rc == -EBADMSG && err.text[0]));
		rc == 0 ? fine++ : wrong++;
	}
	cr_assert_gt(fine, 1000);
	cr_assert_gt(wrong, 1000);
}

static void parse_wrong(const char *text, const char *why)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_endpoints *e = NULL;

	cr_expect_eq(grove_endpoints_parse(&e, "e.toml", text, strlen(text), &err), -EBADMSG, "%s",
		     text);
	cr_expect_str_eq(err.text, why, "%s: %s", text, err.text);
	cr_assert_null(e);
}

Test(wire_endpoints, a_table)
{
	static const char text[] = "[registrar]\n"
				   "bind = [\"/unix/run/r.sock\", \"/ip4/127.0.0.1/tcp/1616\"]\n"
				   "[actor]\n"
				   "[actor.worker]\n"
				   "bind = '/ip4/127.0.0.1/tcp/0'\n"
				   "[actor.\"a.b:c\"]\n"
				   "bind = []\n"
				   "[actor.bare]\n";
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_endpoints_ struct grove_endpoints *e = NULL, *empty = NULL, *dotted = NULL;
	char out[GROVE_MULTIADDR_TEXT];

	cr_assert_eq(grove_endpoints_parse(&e, "e.toml", text, strlen(text), &err), 0, "%s",
		     err.text);
	cr_assert_eq(grove_endpoints_registrar(e)->count, 2);
	cr_assert_str_eq(grove_multiaddr_print(&grove_endpoints_registrar(e)->at[1], out),
			 "/ip4/127.0.0.1/tcp/1616");
	cr_assert_eq(grove_endpoints_find(e, "worker")->count, 1);
	cr_assert_eq(grove_endpoints_find(e, "a.b:c")->count, 0);
	cr_assert_eq(grove_endpoints_find(e, "bare")->count, 0);
	cr_assert_null(grove_endpoints_find(e, "registrar"));
	cr_assert_str_eq(grove_endpoints_name(e, 0), "worker");
	cr_assert_str_eq(grove_endpoints_name(e, 2), "bare");
	cr_assert_null(grove_endpoints_name(e, 3));

	cr_assert_eq(grove_endpoints_parse(&empty, "e.toml", "", 0, &err), 0);
	cr_assert_eq(grove_endpoints_registrar(empty)->count, 0);
	cr_assert_null(grove_endpoints_name(empty, 0));
	cr_assert_eq(grove_endpoints_parse(&dotted, "e.toml", "actor.w.bind = '/unix/w'", 24, &err),
		     0);
	cr_assert_eq(grove_endpoints_find(dotted, "w")->count, 1);
}

Test(wire_endpoints, every_error_has_its_line)
{
	_grove_buf_ struct grove_buf many = GROVE_BUF_INIT;

	parse_wrong("bind = '/unix/a'",
		    "e.toml:1: 'bind': only bind of a registrar or actor is known");
	parse_wrong("\n[actors.x]\n", "e.toml:2: only [registrar] and [actor.NAME] are known");
	parse_wrong("[registrar.x]\n", "e.toml:1: only [registrar] and [actor.NAME] are known");
	parse_wrong("[actor.x.y]\n", "e.toml:1: only [registrar] and [actor.NAME] are known");
	parse_wrong("[actor.'a b']\n",
		    "e.toml:1: an actor's name has only letters, digits and _ - . :");
	parse_wrong("actor.'a b'.bind = ''\n",
		    "e.toml:1: an actor's name has only letters, digits and _ - . :");
	parse_wrong("[actor.'']\n", "e.toml:1: an actor's name has 1 to 63 characters");
	parse_wrong("[actor.w]\n\nbnd = '/unix/a'",
		    "e.toml:3: 'bnd': only bind of a registrar or actor is known");
	parse_wrong("[actor.w]\nx.bind = '/unix/a'",
		    "e.toml:2: 'bind': only bind of a registrar or actor is known");
	parse_wrong("[actor]\nbind = '/unix/a'",
		    "e.toml:2: 'bind': only bind of a registrar or actor is known");
	parse_wrong("[actor.w]\nbind = [\n'/unix/a',\n'/ip4/1.2.3/tcp/1']",
		    "e.toml:4: bad address \"/ip4/1.2.3/tcp/1\": /ip4 is followed by four numbers "
		    "with dots");
	parse_wrong("[actor.w]\nbind = ['/unix/a',\n'/unix//a/']",
		    "e.toml:3: this address is there twice");
	parse_wrong("[actor.w]\nbind = 1616", "e.toml:2: an address is a string");
	parse_wrong("[actor.w]\nbind = '/unix/a'\nbind = '/unix/b'",
		    "e.toml:3: 'bind' is there twice");
	parse_wrong("[actor.w]\nbind = '/unix/a", "e.toml:2: a string without its end");
	grove_buf_add(&many, "[actor.w]\nbind = [\n", 19);
	for (int i = 0; i < 65; i++) {
		_grove_free_ char *line = grove_format("'/unix/%d',\n", i);

		grove_buf_add(&many, line, strlen(line));
	}
	grove_buf_add(&many, "]", 2);
	parse_wrong(grove_buf_data(&many), "e.toml:67: more than 64 addresses");
}

Test(wire_endpoints, from_a_file)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_endpoints_ struct grove_endpoints *e = NULL;
	_grove_free_ char *path = grove_format("%s/endpoints", help_folder());
	_grove_close_ int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	_grove_free_ char *why = NULL;

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "[actor.w]\nbind='/unix/a'\n", 25), 25);
	cr_assert_eq(grove_endpoints_load(&e, path, &err), 0, "%s", err.text);
	cr_assert_eq(grove_endpoints_find(e, "w")->count, 1);
	cr_assert_eq(write(fd, "x", 1), 1);
	grove_endpoints_free(grove_steal(e));
	cr_assert_eq(grove_endpoints_load(&e, path, &err), -EBADMSG);
	why = grove_format("%s:3: = is expected after a key", path);
	cr_assert_str_eq(err.text, why);
	unlink(path);
	cr_assert_eq(grove_endpoints_load(&e, path, &err), -ENOENT);
	cr_assert(strstr(err.text, "No such file"), "%s", err.text);
	cr_assert_eq(grove_endpoints_load(&e, "/", &err), -EISDIR);
	cr_assert_null(e);
	/* Endless: read up to the limit, and no further. */
	cr_assert_eq(grove_endpoints_load(&e, "/dev/zero", &err), -EBADMSG);
	cr_assert_str_eq(err.text, "/dev/zero: more than 262144 bytes");
}
