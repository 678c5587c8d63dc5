"""Watches a lab's switch for what goes from one datacenter to another, and prints it as JSON once its input is closed.

For each TCP connection between the two networks: both ends, and the first bytes that either end sent, in hex.
"""
import ipaddress
import json
import socket
import struct
import sys
import threading

left, right = (ipaddress.ip_network(argument) for argument in sys.argv[1:3])


def side(address):
    # Clients have a network of their own, next to that of the servers.
    address = ipaddress.ip_address(address)
    return next((name for name, network in (("left", left), ("right", right)) if address in network), None)


def watch(connections, others):
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0003))
    while True:
        frame, origin = tap.recvfrom(65535)
        # Each frame passes two ports of the switch; one of them is enough.
        if struct.unpack("!H", frame[12:14])[0] != 0x0800 or origin[2] == socket.PACKET_OUTGOING:
            continue
        header = (frame[14] & 15) * 4
        protocol = frame[23]
        source, destination = (socket.inet_ntoa(frame[at : at + 4]) for at in (26, 30))
        if not side(source) or not side(destination) or side(source) == side(destination):
            continue
        at = 14 + header
        if protocol != socket.IPPROTO_TCP:
            others.add(f"protocol {protocol} {source} {destination}")
            continue
        ports = struct.unpack("!HH", frame[at : at + 4])
        total = struct.unpack("!H", frame[16:18])[0]
        payload = frame[at + (frame[at + 12] >> 4) * 4 : 14 + total]
        ends = tuple(sorted([(source, ports[0]), (destination, ports[1])]))
        firsts = connections.setdefault(ends, {})
        if payload:
            firsts.setdefault(source, payload[:5].hex())


connections, others = {}, set()
threading.Thread(target=watch, args=(connections, others), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
print(
    json.dumps(
        {
            "connections": [
                {"ends": [f"{address}:{port}" for address, port in ends], "firstBytes": list(firsts.values())}
                for ends, firsts in list(connections.items())
            ],
            "others": sorted(others),
        }
    )
)
