// SPDX-License-Identifier: BSD-2-Clause
// Waits of a JVM, below methods that are interpreted and methods that were compiled while it ran;
// for scenario/stacks/03_languages.c.

import java.io.FileWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

public class Waiting {
	interface Work {
		void run() throws Exception;
	}

	static final CountDownLatch never = new CountDownLatch(1);
	static final Object lock = new Object();
	static volatile int turns;

	static int deep(int n, Work last) throws Exception {
		if (n == 0) {
			last.run();
			return turns;
		}
		return deep(n - 1, last) + 1;
	}

	static void start(int depth, Work last) {
		Thread t = new Thread(() -> {
			try {
				deep(depth, last);
			} catch (Exception e) {
				System.exit(1);
			}
		});

		t.setDaemon(true);
		t.start();
	}

	static void idle() throws Exception {
		synchronized (lock) {
			lock.wait();
		}
	}

	public static void main(String[] arguments) throws Exception {
		for (int i = 0; i < 20000; i++)
			deep(20, () -> turns++);
		start(20, () -> never.await());
		start(3, Waiting::idle);
		start(3, () -> new ServerSocket(0, 1, InetAddress.getLoopbackAddress()).accept());
		start(3, LockSupport::park);
		try (FileWriter name = new FileWriter("/proc/self/comm")) {
			name.write("waiting");
		}
		Thread.sleep(3600000);
	}
}
