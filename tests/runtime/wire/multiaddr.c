/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/multiaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of sun_path that a name may take; with a path one more is its end. */
enum { NAME_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };
static const socklen_t UNIX_HEAD = offsetof(struct sockaddr_un, sun_path);

/* The text as a person may see it: one line, no surprises, not too long. */
struct shown {
	char text[100];
};

static const char *show(struct shown *s, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(s->text) - 4 && text[i]; i++)
		s->text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	snprintf(s->text + i, 4, "%s", text[i] ? "..." : "");
	return s->text;
}

static int bad(struct grove_error *err, const char *text, const char *why)
{
	struct shown shown;

	return grove_error_set(err, -EINVAL, "bad address \"%s\": %s", show(&shown, text), why);
}

/* The component at *rest, "/word", into `word`; *rest moves behind it. False when there is none. */
static bool component(const char **rest, char *word, size_t room)
{
	size_t len;

	if (**rest != '/')
		return false;
	len = strcspn(*rest + 1, "/");
	if (!len || len >= room)
		return false;
	memcpy(word, *rest + 1, len);
	word[len] = 0;
	*rest += 1 + len;
	return true;
}

/* strtoul() takes blanks and signs; a port has neither, nor a leading 0. */
static bool parse_port(const char *word, in_port_t *ret)
{
	size_t len = strlen(word);
	unsigned long port;

	if (!len || len > 5 || strspn(word, "0123456789") != len || (word[0] == '0' && len > 1))
		return false;
	port = strtoul(word, NULL, 10);
	if (port > UINT16_MAX)
		return false;
	*ret = htons((uint16_t)port);
	return true;
}

static const char *parse_ip4(struct grove_multiaddr *a, const char **rest)
{
	char word[INET_ADDRSTRLEN];

	a->ip4.sin_family = AF_INET;
	a->size = sizeof(a->ip4);
	if (!component(rest, word, sizeof(word)) || inet_pton(AF_INET, word, &a->ip4.sin_addr) != 1)
		return "/ip4 is followed by four numbers with dots";
	return NULL;
}

static const char *parse_ip6(struct grove_multiaddr *a, const char **rest)
{
	char word[INET6_ADDRSTRLEN];

	a->ip6.sin6_family = AF_INET6;
	a->size = sizeof(a->ip6);
	if (!component(rest, word, sizeof(word)) ||
	    inet_pton(AF_INET6, word, &a->ip6.sin6_addr) != 1)
		return "/ip6 is followed by an IPv6 address";
	return NULL;
}

static const char *parse_zone(struct grove_multiaddr *a, const char **rest)
{
	char zone[IF_NAMESIZE], word[8];
	unsigned long scope;
	char *end;

	if (!component(rest, zone, sizeof(zone)) || !component(rest, word, sizeof(word)) ||
	    strcmp(word, "ip6") != 0)
		return "/ip6zone is followed by an interface and /ip6";
	scope = if_nametoindex(zone);
	if (!scope && zone[0] >= '1' && zone[0] <= '9') {
		scope = strtoul(zone, &end, 10);
		scope = *end ? 0 : scope;
	}
	if (!scope || scope > UINT32_MAX)
		return "this host has no interface of that name";
	a->ip6.sin6_scope_id = (uint32_t)scope;
	return parse_ip6(a, rest);
}

/* IPv4 inside IPv6 is IPv4, and a scope means something only where addresses are per link. */
static void normalise_ip6(struct grove_multiaddr *a)
{
	struct grove_multiaddr plain = { .size = sizeof(plain.ip4) };

	if (IN6_IS_ADDR_V4MAPPED(&a->ip6.sin6_addr)) {
		plain.ip4.sin_family = AF_INET;
		plain.ip4.sin_port = a->ip6.sin6_port;
		memcpy(&plain.ip4.sin_addr, &a->ip6.sin6_addr.s6_addr[12], 4);
		*a = plain;
		return;
	}
	a->ip6.sin6_flowinfo = 0;
	if (!IN6_IS_ADDR_LINKLOCAL(&a->ip6.sin6_addr) &&
	    !IN6_IS_ADDR_MC_LINKLOCAL(&a->ip6.sin6_addr))
		a->ip6.sin6_scope_id = 0;
}

static const char *parse_tcp(struct grove_multiaddr *a, const char **rest)
{
	char word[8];
	in_port_t port;

	if (!component(rest, word, sizeof(word)) || strcmp(word, "tcp") != 0)
		return "an IP address is followed by /tcp/PORT";
	if (!component(rest, word, sizeof(word)) || !parse_port(word, &port))
		return "/tcp is followed by a port, 0 to 65535";
	if (**rest)
		return "something follows the port";
	if (a->any.sa_family == AF_INET) {
		a->ip4.sin_port = port;
	} else {
		a->ip6.sin6_port = port;
		normalise_ip6(a);
	}
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Take the bytes of a name out of `text`; *len may become NAME_MAX_BYTES + 1, and then is too long.
 */
static const char *decode(const char *text, char *name, size_t *len, bool path)
{
	*len = 0;
	for (const char *p = text; *p && *len <= NAME_MAX_BYTES; p++) {
		char c = *p;

		if (c == '%') {
			int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

			if (low < 0)
				return "% is followed by two hexadecimal digits";
			c = (char)(16 * high + low);
			p += 2;
		}
		if (path && !c)
			return "a path has no zero byte";
		if (path && c == '/' && *len && name[*len - 1] == '/')
			continue;
		if (*len < NAME_MAX_BYTES)
			name[*len] = c;
		++*len;
	}
	if (path && *len > 1 && *len <= NAME_MAX_BYTES && name[*len - 1] == '/')
		name[--*len] = 0;
	return NULL;
}

static int parse_unix(struct grove_multiaddr *a, const char *text, const char *rest,
		      struct grove_error *err)
{
	bool path = rest[0] == '/' && rest[1] != '@';
	const char *wrong;
	size_t len;

	a->un.sun_family = AF_UNIX;
	wrong = decode(path ? rest : rest + 2, a->un.sun_path + !path, &len, path);
	if (wrong)
		return bad(err, text, wrong);
	if (len > NAME_MAX_BYTES)
		return grove_error_set(err, -ENAMETOOLONG,
				       "bad address \"%.80s...\": the name of a unix socket has %d "
				       "bytes at most",
				       text, NAME_MAX_BYTES);
	if (path && len < 2)
		return bad(err, text, "/unix is followed by the path of a socket");
	if (!len)
		return bad(err, text, "/unix/@ is followed by the name of an abstract socket");
	a->size = UNIX_HEAD + (socklen_t)len + 1;
	return 0;
}

int grove_multiaddr_parse(struct grove_multiaddr *ret, const char *text, struct grove_error *err)
{
	struct grove_multiaddr a = { .size = 0 };
	const char *rest = text, *wrong;
	char word[8];
	int rc;

	if (!component(&rest, word, sizeof(word)))
		return bad(err, text, "it begins with /ip4, /ip6 or /unix");
	if (strcmp(word, "unix") == 0) {
		if (!*rest)
			return bad(err, text, "/unix is followed by the path of a socket");
		rc = parse_unix(&a, text, rest, err);
		if (rc < 0)
			return rc;
		*ret = a;
		return 0;
	}
	if (strcmp(word, "ip4") == 0)
		wrong = parse_ip4(&a, &rest);
	else if (strcmp(word, "ip6") == 0)
		wrong = parse_ip6(&a, &rest);
	else if (strcmp(word, "ip6zone") == 0)
		wrong = parse_zone(&a, &rest);
	else
		wrong = "it begins with /ip4, /ip6 or /unix";
	if (!wrong)
		wrong = parse_tcp(&a, &rest);
	if (wrong)
		return bad(err, text, wrong);
	*ret = a;
	return 0;
}

static void print_unix(const struct grove_multiaddr *a, char *text)
{
	const char *name = a->un.sun_path, *end = (const char *)&a->any + a->size;
	bool abstract = !*name;
	char *out = stpcpy(text, "/unix");

	if (abstract) {
		out = stpcpy(out, "/@");
		name++;
	} else {
		end = name + strnlen(name, (size_t)(end - name));
		/* A path that looks like an abstract name. */
		if (name + 1 < end && name[1] == '@')
			*out++ = '/';
	}
	for (; name < end; name++) {
		if (*name > ' ' && *name <= '~' && *name != '%')
			*out++ = *name;
		else
			out += sprintf(out, "%%%02x", (unsigned char)*name);
	}
	*out = 0;
}

static void print_ip6(const struct grove_multiaddr *a, char *text)
{
	char ip[INET6_ADDRSTRLEN], zone[IF_NAMESIZE];
	int len = 0;

	if (a->ip6.sin6_scope_id) {
		if (!if_indextoname(a->ip6.sin6_scope_id, zone))
			snprintf(zone, sizeof(zone), "%u", a->ip6.sin6_scope_id);
		len = sprintf(text, "/ip6zone/%s", zone);
	}
	inet_ntop(AF_INET6, &a->ip6.sin6_addr, ip, sizeof(ip));
	sprintf(text + len, "/ip6/%s/tcp/%u", ip, ntohs(a->ip6.sin6_port));
}

const char *grove_multiaddr_print(const struct grove_multiaddr *a,
				  char text[static GROVE_MULTIADDR_TEXT])
{
	char ip[INET_ADDRSTRLEN];

	if (!a->size) {
		snprintf(text, GROVE_MULTIADDR_TEXT, "none");
	} else if (a->any.sa_family == AF_UNIX) {
		print_unix(a, text);
	} else if (a->any.sa_family == AF_INET6) {
		print_ip6(a, text);
	} else {
		inet_ntop(AF_INET, &a->ip4.sin_addr, ip, sizeof(ip));
		sprintf(text, "/ip4/%s/tcp/%u", ip, ntohs(a->ip4.sin_port));
	}
	return text;
}

static int from_unix(struct grove_multiaddr *a, const char *name, size_t len,
		     struct grove_error *err)
{
	size_t out = 0;

	/* Linux takes an abstract name of no bytes, but nothing could be printed for it. */
	if (!len || (len == 1 && !name[0]))
		return grove_error_set(err, -EADDRNOTAVAIL, "a unix socket without a name");
	if (!name[0]) {
		memcpy(a->un.sun_path, name, len);
		out = len - 1;
	} else {
		/* The same bytes as parse: no repeated slash, none at the end. */
		for (size_t i = 0; i < len && name[i]; i++)
			if (name[i] != '/' || !out || a->un.sun_path[out - 1] != '/')
				a->un.sun_path[out++] = name[i];
		if (out > 1 && a->un.sun_path[out - 1] == '/')
			out--;
		if (out < 2 || out > NAME_MAX_BYTES || name[0] != '/')
			return grove_error_set(err, -EINVAL, "a unix socket whose path is %s",
					       name[0] != '/' ? "not absolute" :
					       out < 2	      ? "a folder" :
								"too long");
		a->un.sun_path[out] = 0;
	}
	a->size = UNIX_HEAD + (socklen_t)out + 1;
	return 0;
}

int grove_multiaddr_from(struct grove_multiaddr *ret, const struct sockaddr *sa, socklen_t size,
			 struct grove_error *err)
{
	struct grove_multiaddr a = { .size = 0 };
	int rc;

	if (size < sizeof(sa->sa_family))
		return grove_error_set(err, -EINVAL, "an address of %u bytes", size);
	a.any.sa_family = sa->sa_family;
	if (sa->sa_family == AF_UNIX) {
		if (size > sizeof(a.un))
			return grove_error_set(err, -EINVAL, "an address of %u bytes", size);
		rc = from_unix(&a, ((const struct sockaddr_un *)sa)->sun_path, size - UNIX_HEAD,
			       err);
		if (rc < 0)
			return rc;
		*ret = a;
		return 0;
	}
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return grove_error_set(err, -EAFNOSUPPORT, "an address of family %d",
				       sa->sa_family);
	a.size = sa->sa_family == AF_INET ? sizeof(a.ip4) : sizeof(a.ip6);
	if (size < a.size)
		return grove_error_set(err, -EINVAL, "an address of %u bytes", size);
	memcpy(&a.any, sa, a.size);
	if (sa->sa_family == AF_INET)
		memset(a.ip4.sin_zero, 0, sizeof(a.ip4.sin_zero));
	else
		normalise_ip6(&a);
	*ret = a;
	return 0;
}

bool grove_multiaddr_equal(const struct grove_multiaddr *a, const struct grove_multiaddr *b)
{
	return a->size == b->size && memcmp(&a->any, &b->any, a->size) == 0;
}

const char *grove_multiaddr_path(const struct grove_multiaddr *a)
{
	return a->size && a->any.sa_family == AF_UNIX && a->un.sun_path[0] ? a->un.sun_path : NULL;
}

uint16_t grove_multiaddr_port(const struct grove_multiaddr *a)
{
	if (!a->size || a->any.sa_family == AF_UNIX)
		return 0;
	return ntohs(a->any.sa_family == AF_INET ? a->ip4.sin_port : a->ip6.sin6_port);
}

bool grove_multiaddr_is_wildcard(const struct grove_multiaddr *a)
{
	if (!a->size || a->any.sa_family == AF_UNIX)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->ip4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->ip6.sin6_addr);
}
