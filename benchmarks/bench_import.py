"""What it costs to import the package and to list the zoo; goals 0.15 s and 0.5 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from report import table, update_section

COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import keras_wx": [sys.executable, "-c", "import keras_wx"],
    "keras-wx list": [sys.executable, "-m", "keras_wx.cli", "list"],
    "keras-wx info convlstm_hko": [sys.executable, "-m", "keras_wx.cli", "info", "convlstm_hko"],
    "import keras": [sys.executable, "-c", "import keras"],
}


def main(repetitions: int = 15):
    seconds = {name: [] for name in COMMANDS}
    for _ in range(repetitions):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    bare = statistics.median(seconds["bare interpreter"])
    rows = [
        [name, f"{statistics.median(s):.3f}", f"{statistics.median(s) - bare:.3f}"]
        for name, s in seconds.items()
    ]
    text = table(["command", "median [s]", "above a bare interpreter [s]"], rows)
    update_section("import", f"Import and listing, {repetitions} interleaved runs", text)


if __name__ == "__main__":
    main()
