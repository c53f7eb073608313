# Tells whether the name that a program sees is the host's.
import socket

print("box" if socket.gethostname() == "box" else "ESCAPED: the name of the host")
