import unittest

import layers
from tree import Tree


def include(*names):
    return "".join(f'#include "{name}"\n' for name in names)


def complaints(texts):
    with Tree(texts) as tree:
        return tree.complaints(layers.check)


class Layers(unittest.TestCase):
    def test_downward_is_fine(self):
        self.assertEqual(complaints({
            "bpf/event.h": "",
            "bpf/tree.bpf.c": '#include "event.h"\n#include "tree.bpf.h"\n',
            "bpf/tree.bpf.h": "",
            "collector/base/vec.h": "",
            "collector/read/bpf/bpf.c": include("bpf/event.h", "tree.skel.h", "base/vec.h"),
            "collector/capture/schema.sql": "",
            "collector/capture/write.c": '#include "schema.sql.h"\n',
            "collector/snag.h": '#include "base/vec.h"\n',
            "viewer/main.c": '#include "snag.h"\n#include "view.h"\n',
            "viewer/view.h": "",
            "tests/unit/test_x.c": include("base/vec.h", "viewer/view.h", "lib/y.h"),
            "tests/lib/y.h": "",
        }), [])

    def test_each_arrow_up(self):
        ladder = [f"collector/{name}/x.h" for name in layers.ORDER[:-2]]
        ladder += ["collector/snag.h", "viewer/x.h"]
        for low, high in zip(ladder, ladder[1:]):
            name = high[len("collector/"):] if high.startswith("collector/") else high
            found = complaints({low: f'\n#include "{name}"\n', high: ""})
            self.assertEqual(len(found), 1, (low, high, found))
            self.assertTrue(found[0].startswith(f"{low}:2: "), found)
            self.assertIn("points up", found[0])

    def test_no_way_round(self):
        for path, name, target in [
            ("bpf/a.bpf.c", "../collector/base/vec.h", "collector/base/vec.h"),
            ("collector/read/a.c", "bpf/kernel.bpf.h", "bpf/kernel.bpf.h"),
            ("collector/model/a.c", "a.skel.h", "bpf/a.bpf.c"),
            ("viewer/a.c", "a.skel.h", "bpf/a.bpf.c"),
            ("viewer/a.c", "tests/lib/y.h", "tests/lib/y.h"),
            ("collector/base/a.c", "../waits/w.h", "collector/waits/w.h"),
        ]:
            found = complaints({path: include(name), target: ""})
            self.assertEqual(len(found), 1, (path, name))

    def test_layers_of_grove(self):
        ladder = [f"tests/runtime/{row[0]}/x.h" for row in layers.GROVE_ORDER[1:-1]]
        ladder = ["tests/runtime/snag_runtime.h"] + ladder + ["tests/runtime/tree.h"]
        for low, high in zip(ladder, ladder[1:]):
            name = high[len("tests/"):]
            self.assertEqual(complaints({high: include(low[len("tests/"):]), low: ""}), [])
            found = complaints({low: f'\n#include "{name}"\n', high: ""})
            self.assertEqual(len(found), 1, (low, high, found))
            self.assertIn("points up", found[0])
        found = complaints({"tests/runtime/spawn/a.c": include("runtime/res/a.h"),
                            "tests/runtime/res/a.h": ""})
        self.assertIn("do not know each other", found[0])
        self.assertIn("in no layer", complaints({"tests/runtime/misc/a.c": ""})[0])
        self.assertEqual(complaints({"tests/runtime/test/test_a.c": include("runtime/core/a.h"),
                                     "tests/fuzz/fuzz_a.c": include("runtime/core/a.h"),
                                     "tests/runtime/core/a.h": ""}), [])

    def test_grove_and_snag_apart(self):
        for path in ("tests/runtime/core/a.c", "tests/runtime/tree.c",
                     "tests/runtime/test/test_a.c"):
            found = complaints({path: include("base/vec.h"), "collector/base/vec.h": ""})
            self.assertIn("grove knows nothing of snag", found[0])
        self.assertIn("does not include its tests", complaints({
            "collector/runtimes/grove.c": include("tests/runtime/core/a.h"),
            "tests/runtime/core/a.h": ""})[0])
        self.assertEqual(complaints({
            "collector/runtimes/grove.c": include("tests/runtime/snag_runtime.h"),
            "tests/runtime/snag_runtime.h": ""}), [])

    def test_cycle_inside_one_layer(self):
        found = complaints({"collector/base/a.h": '#include "base/b.h"\n',
                            "collector/base/b.h": '#include "base/c.h"\n',
                            "collector/base/c.h": '#include "base/a.h"\n'})
        self.assertEqual(len(found), 1)
        self.assertIn("include cycle", found[0])

    def test_unknown_file_and_folder(self):
        for name in ("nowhere.h", "gone.skel.h", "gone.sql.h"):
            self.assertIn("no file of this tree", complaints({"viewer/a.c": include(name)})[0])
        self.assertIn("in no layer", complaints({"collector/misc/a.c": ""})[0])

    def test_comments_do_not_include(self):
        self.assertEqual(complaints({"collector/base/a.c": '/*\n#include "waits/w.h"\n*/\n',
                                     "collector/waits/w.h": ""}), [])


if __name__ == "__main__":
    unittest.main()
