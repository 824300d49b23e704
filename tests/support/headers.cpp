// A target with precompiled headers needs a source file; there is nothing else to compile.
